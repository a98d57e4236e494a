"""Random views of objects: from above, anywhere in the image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ViewRange:
    """Poses that are drawn.

    Attributes:
        distance: metres along the optical axis, least and most.
        elevation: radians above the object's horizon, least and most.
        roll: radians; the camera turns about its axis by up to this much either way.
        margin: share of the image's sides that stays free of object centres.
    """

    distance: tuple[float, float] = (0.45, 0.75)
    elevation: tuple[float, float] = (0.35, 1.2)
    roll: float = 0.35
    margin: float = 0.2


def random_pose(
    rng: np.random.Generator, view: ViewRange, cam_mat: NDArray, image_size: tuple[int, int]
) -> NDArray:
    """Object-to-camera pose (4, 4) of an object seen from above.

    Args:
        rng: source of random numbers.
        view: what to draw from; azimuth is uniform, elevation uniform in its sine.
        cam_mat: (3, 3).
        image_size: width and height.
    """
    pose = np.eye(4)
    pose[:3, :3] = _look_down(
        rng.uniform(0, 2 * np.pi),
        np.arcsin(rng.uniform(*np.sin(view.elevation))),
        rng.uniform(-view.roll, view.roll),
    )
    size = np.asarray(image_size, dtype=float)
    center = size * rng.uniform(view.margin, 1 - view.margin, size=2)
    depth = rng.uniform(*view.distance)
    pose[:3, 3] = depth * (np.linalg.inv(cam_mat) @ [*center, 1.0])
    # turn with the line of sight, so that the same side shows wherever the object is
    pose[:3, :3] = _toward(pose[:3, 3]) @ pose[:3, :3]
    return pose


def _look_down(azimuth: float, elevation: float, roll: float) -> NDArray:
    """Rotation of an object (z up) into a camera that looks at it from an elevation."""
    c, s = np.cos(azimuth), np.sin(azimuth)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    upright = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # z up -> y down, z away
    c, s = np.cos(elevation), np.sin(elevation)
    tilt = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(roll), np.sin(roll)
    spin = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return spin @ tilt @ upright @ turn


def _toward(translation: NDArray) -> NDArray:
    """Least rotation that takes the optical axis to a line of sight."""
    z = translation / np.linalg.norm(translation)
    axis = np.cross((0, 0, 1), z)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + z[2])
