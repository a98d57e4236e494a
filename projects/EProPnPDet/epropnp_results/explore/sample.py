"""What the page knows of one sample: its views, their objects and true boxes.

The ground plane of the page is that of ``epropnp_results.space``.
"""

import base64
from typing import NamedTuple

import numpy as np

from .. import ImageResult, Match, ObjectResult, TruthBox, mass_above, match_objects
from ..matching import heading
from ..records import center
from ..regions import interpolate_circle, interpolate_plane
from ..space import camera_to_ground, ground_to_plane
from .pictures import encode
from .quantize import quantize

PANEL = (256, 80)  # width, quality of small pictures of one object


class Entry(NamedTuple):
    """Numbers of one object for lists and filters; None where unknown.

    Attributes:
        kind: index into the page's classes.
        score: of the detector.
        distance: metres from the camera.
        error: metres to the matched true object.
        trust: see ``docs/results_folder.md``.
    """

    kind: int
    score: float
    distance: float
    error: float | None
    trust: float | None


def describe_view(result: ImageResult, image_id: str) -> dict:
    """Camera of a view and its true boxes."""
    ground = camera_to_ground(result)
    return dict(
        name=result.camera or result.name,
        image=image_id,
        width=result.width,
        height=result.height,
        intrinsics=_numbers(result.intrinsics),
        distortion=None if result.distortion is None else _numbers(result.distortion),
        plane=_numbers(ground_to_plane(result)),
        ground=_numbers(ground),
        truth=None if result.truth is None else [_box(item) for item in result.truth],
    )


def describe_objects(
    result: ImageResult, arrays: dict[str, np.ndarray], classes: list[str], view: int
) -> tuple[list[dict], list[Entry]]:
    """Objects of a view in full, and as entries for lists."""
    details, entries = [], []
    for index, (item, match) in enumerate(zip(result.objects, match_objects(result), strict=True)):
        own = {name: array[index] for name, array in arrays.items()}
        entry = Entry(
            classes.index(item.label),
            round(item.score, 4),
            round(float(np.linalg.norm(center(item))), 3),
            None if match is None else round(match.position_error, 4),
            item.trust.get("trust"),
        )
        entries.append(entry)
        details.append(
            _box(item)
            | dict(
                view=view,
                entry=entry._asdict(),
                yaw=item.yaw,
                velocity=item.velocity,
                attribute=item.attribute,
                bbox=item.bbox,
                trust=item.trust,
                intervals=[_shown(interval) for interval in item.intervals],
                match=_match(result, item, match, own),
            )
            | _densities(own)
            | _correspondences(own)
            | _panels(own)
        )
    return details, entries


def _box(item: ObjectResult | TruthBox) -> dict:
    return dict(
        label=item.label,
        translation=_numbers(item.translation),
        rotation=_numbers(item.rotation),
        size=_numbers(item.size),
        boxCenter=_numbers(item.box_center),
    )


def _match(
    result: ImageResult, item: ObjectResult, match: Match | None, own: dict[str, np.ndarray]
) -> dict | None:
    if match is None:
        return None
    truth, ground = result.truth[match.truth_index], camera_to_ground(result)
    numbers = dict(
        truth=match.truth_index,
        position=match.position_error,
        depth=match.depth_error,
        angle=match.angle_error,
        size=match.size_error,
    )
    if "yaw_density" in own:
        density = own["yaw_density"].astype(float)
        height = interpolate_circle(density, heading(truth, ground))
        numbers["headingLevel"] = mass_above(density, height)
    if "ground_density" in own:
        density = own["ground_density"].astype(float)
        at = (ground @ center(truth))[[0, 2]]
        height = interpolate_plane(density, own["ground_x"], own["ground_z"], at)
        numbers["positionLevel"] = mass_above(density, height)
    return {key: round(value, 5) for key, value in numbers.items()}


def _densities(own: dict[str, np.ndarray]) -> dict:
    densities = {}
    if "yaw_density" in own:
        densities["heading"] = quantize(own["yaw_density"], 16)
    if "ground_density" in own:
        extent = [own["ground_x"][[0, -1]], own["ground_z"][[0, -1]]]
        densities["ground"] = quantize(own["ground_density"], 8) | dict(extent=_numbers(extent))
    return densities


def _correspondences(own: dict[str, np.ndarray]) -> dict:
    if "points_image" not in own:
        return {}
    return dict(
        pointsImage=quantize(own["points_image"], 16),
        pointsObject=quantize(own["points_object"], 8),
        weights=quantize(own["weights"], 16),
    )


def _panels(own: dict[str, np.ndarray]) -> dict:
    """Small pictures of one object, arrays named ``panel_TITLE``."""
    panels = [
        dict(title=name.removeprefix("panel_").replace("_", " "), data=_base64(picture))
        for name, picture in own.items()
        if name.startswith("panel_")
    ]
    return dict(panels=panels) if panels else {}


def _base64(picture: np.ndarray) -> str:
    return base64.b64encode(encode(picture, *PANEL)).decode()


def _numbers(values: object) -> list[float]:
    return [float(f"{value:.7g}") for value in np.asarray(values, dtype=float).ravel()]


def _shown(interval: dict) -> dict:
    """Ends of intervals, without the nominal levels that a calibration used for them."""
    return {key: value for key, value in interval.items() if not key.endswith("_level")}
