"""Pairs of detections and true objects as columns of numbers."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from ..matching import heading, match_objects
from ..records import ImageResult, center
from ..regions import interpolate_circle, interpolate_plane
from ..space import camera_to_ground
from ..store import ResultsFolder
from .intervals import AXES


@dataclass(frozen=True, eq=False)
class Pairs:
    """N matched detections.

    Attributes:
        label: (N,) str class.
        image: (N,) str name of the image.
        score: (N,) of the detector.
        trust: (N,) see ``docs/results_folder.md``; NaN without densities.
        distance: (N,) metres to the true object.
        truncation: (N,) share of the detection's 2D box border that touches the image border.
        visibility: (N,) share of the true object that can be seen, NaN where that is unknown.
        position: (N,) error, metres.
        angle: (N,) error, radians.
        size: (N,) one minus overlap.
        place_grid: (N, G, G) ground densities, or None.
        place_density: (N,) ground density at the truth.
        yaw_grid: (N, G) heading densities, or None.
        yaw_density: (N,) heading density at the truth.
        cell_area: (N,) area of a ground cell, square metres.
        place: (N, 4) true x, y, z and distance in the camera frame, metres.
        intervals: (N, L, 4, 2) central intervals of them at L levels, or None.
        interval_levels: (N, L) those levels.
    """

    label: np.ndarray
    image: np.ndarray
    score: np.ndarray
    trust: np.ndarray
    distance: np.ndarray
    truncation: np.ndarray
    visibility: np.ndarray
    position: np.ndarray
    angle: np.ndarray
    size: np.ndarray
    place_grid: np.ndarray | None = None
    place_density: np.ndarray | None = None
    yaw_grid: np.ndarray | None = None
    yaw_density: np.ndarray | None = None
    cell_area: np.ndarray | None = None
    place: np.ndarray | None = None
    intervals: np.ndarray | None = None
    interval_levels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.label)

    def select(self, keep: np.ndarray) -> "Pairs":
        """Rows of a mask or index array."""
        columns = {item.name: getattr(self, item.name) for item in fields(self)}
        return Pairs(**{k: None if v is None else v[keep] for k, v in columns.items()})


def collect_pairs(
    results: ResultsFolder, progress=lambda items: items, min_score: float = 0.0
) -> Pairs:
    """Matched detections of a results folder.

    Args:
        results: folder whose images have truth.
        progress: wraps the loop over the images.
        min_score: weaker detections are left out.

    Raises:
        ValueError: no detection matches a true object.
    """
    rows = [
        row
        for result in progress(results)
        if result.truth
        for row in _rows_of(result, results.arrays(result.name), min_score)
    ]
    if not rows:
        raise ValueError(f"{results.path}: no detection matches a true object")
    names = set(rows[0]).intersection(*rows)  # densities and intervals, where all have them
    return Pairs(**{name: np.array([row[name] for row in rows]) for name in names})


def hold_out(pairs: Pairs, share: float) -> tuple[Pairs, Pairs]:
    """Pairs of held-out images and of the others, by a hash of the image's name.

    Args:
        pairs: of many images.
        share: of the images that are held out.

    Raises:
        ValueError: one of the two would be empty.
    """
    held = held_out_images(pairs.image, share)
    if held.all() or not held.any():
        raise ValueError(f"{len(set(pairs.image))} images are too few to hold some out")
    return pairs.select(held), pairs.select(~held)


def held_out_images(images: Sequence[str], share: float) -> np.ndarray:
    """Which objects (N,) are on held-out images, by a hash of the image's name.

    Args:
        images: name of each object's image.
        share: of the images that are held out.
    """
    digests = [hashlib.sha256(name.encode()).digest()[:4] for name in images]
    return np.array([int.from_bytes(d, "big") / 2**32 < share for d in digests], dtype=bool)


def _rows_of(
    result: ImageResult, arrays: dict[str, np.ndarray], min_score: float
) -> Iterable[dict]:
    ground = camera_to_ground(result)
    for index, match in enumerate(match_objects(result)):
        item = result.objects[index]
        if match is None or item.score < min_score:
            continue
        truth = result.truth[match.truth_index]
        row = dict(
            label=item.label,
            image=result.name,
            score=item.score,
            trust=item.trust.get("trust", np.nan),
            distance=float(np.linalg.norm(center(truth))),
            truncation=_cut_sides(item.bbox, result) / 4,
            visibility=np.nan if truth.visibility is None else truth.visibility,
            position=match.position_error,
            angle=match.angle_error,
            size=match.size_error,
            place=[*truth.translation, float(np.linalg.norm(truth.translation))],
        )
        if item.intervals and all(set(AXES) <= set(own) for own in item.intervals):
            row |= dict(
                intervals=[[own[axis] for axis in AXES] for own in item.intervals],
                interval_levels=[own["level"] for own in item.intervals],
            )
        if "ground_density" in arrays and "yaw_density" in arrays:
            x, z = (arrays[name][index].astype(float) for name in ("ground_x", "ground_z"))
            place = arrays["ground_density"][index].astype(float)
            yaw = arrays["yaw_density"][index].astype(float)
            row |= dict(
                place_grid=place,
                place_density=interpolate_plane(place, x, z, (ground @ center(truth))[[0, 2]]),
                yaw_grid=yaw,
                yaw_density=interpolate_circle(yaw, heading(truth, ground)),
                cell_area=float((x[1] - x[0]) * (z[1] - z[0])),
            )
        yield row


def _cut_sides(bbox: list[float] | None, result: ImageResult) -> int:
    if bbox is None:
        return 0
    x1, y1, x2, y2 = bbox
    return (x1 <= 1) + (y1 <= 1) + (x2 >= result.width - 1) + (y2 >= result.height - 1)
