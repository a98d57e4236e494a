"""The LineMOD split: about 15 % of the real images of each object for training.

Brachmann et al. (CVPR 2016) took the training images so that the views are spread evenly: the
relative rotation of two of them is at least about 15 degrees. Lists of the frames go round as
``<object>_train.txt``; where they are missing, the same rule chooses here.
"""

import numpy as np

LM_NAMES = {
    1: "ape",
    2: "benchvise",
    4: "camera",
    5: "can",
    6: "cat",
    8: "driller",
    9: "duck",
    10: "eggbox",
    11: "glue",
    12: "holepuncher",
    13: "iron",
    14: "lamp",
    15: "phone",
}
MIN_ANGLE_DEG = 15.0


def spread_views(rotations: np.ndarray, min_angle_deg: float = MIN_ANGLE_DEG) -> np.ndarray:
    """Greedy choice of views whose pairwise rotation is at least an angle.

    Args:
        rotations: (N, 3, 3) object to camera, in the order of the frames.
        min_angle_deg: least angle between two chosen views.

    Returns:
        Indices of the chosen views, ascending; the first view is always chosen.
    """
    least_trace = 1 + 2 * np.cos(np.radians(min_angle_deg))  # a larger trace is a smaller angle
    chosen: list[int] = []
    for index, rotation in enumerate(rotations):
        traces = np.einsum("nij,ij->n", rotations[chosen], rotation)
        if not chosen or traces.max() <= least_trace:
            chosen.append(index)
    return np.array(chosen, dtype=int)


def parse_frame_list(text: str) -> list[int]:
    """Frame numbers of a split file: one per line, as a number or as a path to an image.

    Raises:
        ValueError: for a line without a number.
    """
    frames = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        digits = "".join(c for c in line.rsplit("/", 1)[-1].split(".")[0] if c.isdigit())
        if not digits:
            raise ValueError(f"no frame number in {line!r}")
        frames.append(int(digits))
    return frames
