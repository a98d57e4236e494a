"""Which detection is which true object, and how far off it is."""

from typing import NamedTuple

import numpy as np

from .records import ImageResult, ObjectResult, TruthBox, center

MATCH_RADIUS = 2.0  # metres, as the true-positive errors of nuScenes


class Match(NamedTuple):
    """A detection and its true object.

    Attributes:
        truth_index: index into the image's truth.
        position_error: metres between the centres; in the ground plane where the detection has a
            heading, else in space.
        depth_error: metres, positive where the detection is too far.
        angle_error: radians in [0, pi]: of the heading, else of the whole rotation.
        size_error: one minus the overlap of the boxes once aligned, in [0, 1].
    """

    truth_index: int
    position_error: float
    depth_error: float
    angle_error: float
    size_error: float


def match_objects(result: ImageResult, radius: float = MATCH_RADIUS) -> list[Match | None]:
    """A match or None for each detection: best scores choose first, among free truth of the class.

    Args:
        result: an image; without truth nothing matches.
        radius: metres between centres (``Match.position_error``) up to which they belong together;
            a known ``truth_index`` matches at any distance.
    """
    truth = result.truth or []
    matches: list[Match | None] = [None] * len(result.objects)
    free = set(range(len(truth)))
    for index, item in enumerate(result.objects):
        if item.truth_index is not None and item.truth_index in free:
            free.discard(item.truth_index)
            matches[index] = compare(result, item, item.truth_index)
    for index in sorted(range(len(matches)), key=lambda i: -result.objects[i].score):
        item = result.objects[index]
        if item.truth_index is not None:
            continue
        rivals = [compare(result, item, i) for i in free if truth[i].label == item.label]
        best = min(rivals, key=lambda match: match.position_error, default=None)
        if best is not None and best.position_error <= radius:
            free.discard(best.truth_index)
            matches[index] = best
    return matches


def compare(result: ImageResult, found: ObjectResult, truth_index: int) -> Match:
    """Errors of a detection against one true object."""
    truth = result.truth[truth_index]
    ground = np.eye(3) if result.camera_to_ground is None else np.array(result.camera_to_ground)
    offset = ground @ (center(found) - center(truth))
    if found.yaw is None:
        position, angle = np.linalg.norm(offset), _rotation_angle(found, truth)
    else:
        position = np.hypot(offset[0], offset[2])
        angle = abs(_wrap(found.yaw - heading(truth, ground)))
    return Match(
        truth_index, float(position), float(offset[2]), float(angle), _size_error(found, truth)
    )


def heading(box: TruthBox | ObjectResult, camera_to_ground: np.ndarray) -> float:
    """Direction of a box's x axis in the ground plane, radians; 0 is to the right."""
    axis = camera_to_ground @ np.array(box.rotation)[:, 0]
    return float(np.arctan2(-axis[2], axis[0]))


def _rotation_angle(found: ObjectResult, truth: TruthBox) -> float:
    relative = np.array(found.rotation) @ np.array(truth.rotation).T
    return float(np.arccos(np.clip((np.trace(relative) - 1) / 2, -1, 1)))


def _size_error(found: ObjectResult, truth: TruthBox) -> float:
    first, second = np.array(found.size), np.array(truth.size)
    shared = np.minimum(first, second).prod()
    return float(1 - shared / (first.prod() + second.prod() - shared))


def _wrap(angle: float) -> float:
    return (angle + np.pi) % (2 * np.pi) - np.pi
