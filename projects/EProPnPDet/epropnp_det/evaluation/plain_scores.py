"""Scores of detections against a plain file: precision, errors and calibration."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .average_precision import IGNORED, MISSED, assign, average_precision
from .overlap import overlap_3d, size_overlap
from .plain_boxes import PlainBoxes
from .pose_calibration import PoseErrors, calibration_scores

Similarity = Callable[[PlainBoxes, PlainBoxes], np.ndarray]
ERRORS = ("ATE", "ASE", "AOE", "AVE", "AAE")


class Pair(NamedTuple):
    """An image: what was found, best first, and what is there."""

    found: PlainBoxes
    truth: PlainBoxes


class Thresholds(NamedTuple):
    """When a detection counts as right.

    Attributes:
        distances: metres between centres on the ground, one precision each.
        overlaps: intersection over union in space, one precision each.
        match: metres up to which errors are measured.
    """

    distances: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    overlaps: tuple[float, ...] = (0.25, 0.5)
    match: float = 2.0


def closeness(found: PlainBoxes, truth: PlainBoxes) -> np.ndarray:
    """Minus the distances (N, T) of centres on the ground."""
    offset = found.centers[:, None, [0, 2]] - truth.centers[None, :, [0, 2]]
    return -np.linalg.norm(offset, axis=-1)


def overlap(found: PlainBoxes, truth: PlainBoxes) -> np.ndarray:
    """Intersection over union (N, T)."""
    return overlap_3d(found.geometry, truth.geometry)


def score(
    pairs: Sequence[Pair], classes: Sequence[str], thresholds: Thresholds
) -> dict[str, float]:
    """All scores of a split.

    Args:
        pairs: of its images; labels count ``classes``.
        classes: names.
        thresholds: when a detection counts as right.

    Returns:
        Per class ``<class>/AP_<d>m``, ``<class>/AP_iou<o>`` and errors of matched detections
        ``<class>/ATE`` (m), ``ASE`` (1 - overlap of aligned boxes), ``AOE`` (rad), ``AVE`` (m/s),
        ``AAE`` (share of wrong attributes); ``mAP_distance``, ``mAP_overlap``, ``mATE`` and so on,
        means over the classes that occur; ``classes_present``; calibration, where covariances
        are known. NaN is what cannot be measured.
    """
    scores, errors = {}, []
    present = []
    for label, name in enumerate(classes):
        own = [Pair(*(boxes.select(boxes.labels == label) for boxes in pair)) for pair in pairs]
        for key, value in _precisions(own, thresholds).items():
            scores[f"{name}/{key}"] = value
        measured, pose_errors = _errors(own, thresholds.match)
        scores |= {f"{name}/{key}": value for key, value in measured.items()}
        errors.append(pose_errors)
        if any((~pair.truth.ignored).any() for pair in own):
            present.append(name)
    totals = _means(scores, present, thresholds) | dict(classes_present=float(len(present)))
    joined = PoseErrors(*(np.concatenate(columns) for columns in zip(*errors, strict=True)))
    return totals | calibration_scores(joined) | scores


def _precisions(pairs: list[Pair], thresholds: Thresholds) -> dict[str, float]:
    near = [closeness(*pair) for pair in pairs]
    shared = [overlap(*pair) for pair in pairs]
    found = {f"AP_{d:g}m": _precision(pairs, near, -d) for d in thresholds.distances}
    return found | {f"AP_iou{o:g}": _precision(pairs, shared, o) for o in thresholds.overlaps}


def _precision(pairs: list[Pair], similarities: list[np.ndarray], threshold: float) -> float:
    scores, hits = [np.zeros(0)], [np.zeros(0, dtype=bool)]
    for pair, similarity in zip(pairs, similarities, strict=True):
        owner = assign(similarity, pair.truth.ignored, threshold)
        counts = owner != IGNORED
        scores.append(pair.found.scores[counts])
        hits.append(owner[counts] != MISSED)
    total = sum(int((~pair.truth.ignored).sum()) for pair in pairs)
    return average_precision(np.concatenate(scores), np.concatenate(hits), total)


def _errors(pairs: list[Pair], radius: float) -> tuple[dict[str, float], PoseErrors]:
    """Errors of the detections that find an object within a radius."""
    found, truth = [], []
    for pair in pairs:
        owner = assign(closeness(*pair), pair.truth.ignored, -radius)
        hit = owner >= 0
        found.append(pair.found.select(hit))
        truth.append(pair.truth.select(owner[hit]))
    found, truth = (
        PlainBoxes(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
        for parts in (found, truth)
    )
    place = (found.centers - truth.centers)[:, [0, 2]]
    turned = (found.yaws - truth.yaws + np.pi) % (2 * np.pi) - np.pi
    known = truth.attributes >= 0
    columns = dict(
        ATE=np.linalg.norm(place, axis=1),
        ASE=1 - size_overlap(found.dims, truth.dims),
        AOE=np.abs(turned),
        AVE=np.linalg.norm(found.velocities - truth.velocities, axis=1),
        AAE=(found.attributes != truth.attributes)[known].astype(float),
    )
    return (
        {name: _mean(values) for name, values in columns.items()},
        PoseErrors(place, turned, found.covariances),
    )


def _means(scores: dict[str, float], present: list[str], thresholds: Thresholds) -> dict:
    def mean(keys: Sequence[str]) -> float:
        return _mean(np.array([scores[f"{name}/{key}"] for name in present for key in keys]))

    return {
        "mAP_distance": mean([f"AP_{d:g}m" for d in thresholds.distances]),
        "mAP_overlap": mean([f"AP_iou{o:g}" for o in thresholds.overlaps]),
        **{f"m{name}": mean([name]) for name in ERRORS},
    }


def _mean(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")


def format_scores(scores: dict[str, float], classes: Sequence[str]) -> str:
    """Scores as text: a line per class, then the means."""
    columns = [key.split("/", 1)[1] for key in scores if key.startswith(f"{classes[0]}/")]
    width = max(12, *(len(name) + 2 for name in classes))
    lines = [f"{'':{width}}" + "".join(f"{name:>11}" for name in columns)]
    for name in classes:
        cells = "".join(f"{scores[f'{name}/{column}']:>11.3f}" for column in columns)
        lines.append(f"{name:{width}}{cells}")
    totals = [key for key in scores if "/" not in key or key.startswith("calibration/")]
    return "\n".join([*lines, "", *(f"{key}: {scores[key]:.4f}" for key in totals)])
