"""BOP average recall (localisation) and average precision (detection) from pose errors.

Hodan et al., "BOP Challenge 2020 on 6D Object Localization" (ECCVW 2020) and "BOP Challenge 2024"
(arXiv 2504.02812). An error is MSSD in object diameters or MSPD in pixels of a 640 wide image.
"""

from collections import defaultdict
from typing import NamedTuple

import numpy as np

MSSD_THRESHOLDS = np.arange(1, 11) * 0.05  # object diameters
MSPD_THRESHOLDS = np.arange(1, 11) * 5.0  # pixels, for a 640 wide image
MSPD_REFERENCE_WIDTH = 640
MIN_VISIBILITY = 0.1  # ground truth less visible neither counts as target nor as mistake


class ErrorGroup(NamedTuple):
    """Estimates of one object class in one image against the true instances there.

    Attributes:
        obj_id: object class.
        scores: (E,) confidences.
        errors: (E, G) normalised errors.
        visibility: (G,) visible fraction of each true instance.
    """

    obj_id: int
    scores: np.ndarray
    errors: np.ndarray
    visibility: np.ndarray


class BOPScore(NamedTuple):
    """Mean over thresholds: over all targets or objects, and of each object."""

    mean: float
    per_object: dict[int, float]


def match_estimates(errors: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """Assign each estimate the best free instance below the threshold, best score first.

    Args:
        errors: (E, G).
        scores: (E,).
        threshold: an error has to be strictly below it.

    Returns:
        (E,) index of the instance, -1 for none.
    """
    assigned = np.full(len(scores), -1)
    free = np.ones(errors.shape[1], dtype=bool)
    for index in np.argsort(-scores, kind="stable"):
        candidates = np.where(free & (errors[index] < threshold), errors[index], np.inf)
        if candidates.size and np.isfinite(candidates.min()):
            assigned[index] = candidates.argmin()
            free[assigned[index]] = False
    return assigned


def bop_average_recall(groups: list[ErrorGroup], thresholds: np.ndarray) -> BOPScore:
    """Recall averaged over thresholds; each image uses as many estimates as it has instances.

    Args:
        groups: one per image and object class that holds targets; estimates beyond the number of
            instances are dropped, lowest score first.
        thresholds: error thresholds.

    Returns:
        Recall over all targets, and per object.
    """
    hits: dict[int, int] = defaultdict(int)
    targets: dict[int, int] = defaultdict(int)
    for group in groups:
        num_instances = group.errors.shape[1]
        targets[group.obj_id] += num_instances
        best = np.argsort(-group.scores, kind="stable")[:num_instances]
        for threshold in thresholds:
            assigned = match_estimates(group.errors[best], group.scores[best], threshold)
            hits[group.obj_id] += int((assigned >= 0).sum())
    steps = len(thresholds)
    per_object = {i: hits[i] / (steps * n) for i, n in sorted(targets.items()) if n}
    total = sum(targets.values())
    return BOPScore(sum(hits.values()) / (steps * total) if total else float("nan"), per_object)


def bop_average_precision(groups: list[ErrorGroup], thresholds: np.ndarray) -> BOPScore:
    """COCO-style average precision of all estimates, averaged over thresholds, then objects.

    Args:
        groups: one per image and object class with estimates or true instances. An estimate that
            matches an instance less visible than ``MIN_VISIBILITY`` is ignored.
        thresholds: error thresholds.

    Returns:
        Mean over the objects that have a visible instance, and per object.
    """
    by_object: dict[int, list[ErrorGroup]] = defaultdict(list)
    for group in groups:
        by_object[group.obj_id].append(group)
    per_object = {
        obj_id: float(np.mean([_object_precision(members, t) for t in thresholds]))
        for obj_id, members in sorted(by_object.items())
        if any((g.visibility >= MIN_VISIBILITY).any() for g in members)
    }
    mean = float(np.mean(list(per_object.values()))) if per_object else float("nan")
    return BOPScore(mean, per_object)


def _object_precision(groups: list[ErrorGroup], threshold: float) -> float:
    scores, hits, num_targets = [], [], 0
    for group in groups:
        visible = group.visibility >= MIN_VISIBILITY
        num_targets += int(visible.sum())
        assigned = match_estimates(group.errors, group.scores, threshold)
        counted = np.array([i < 0 or visible[i] for i in assigned], dtype=bool)
        scores.append(group.scores[counted])
        hits.append(assigned[counted] >= 0)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hit = np.concatenate(hits)[order]
    if not hit.size:
        return 0.0
    recall = np.cumsum(hit) / num_targets
    precision = np.cumsum(hit) / np.arange(1, hit.size + 1)
    best_beyond = np.maximum.accumulate(precision[::-1])[::-1]
    index = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return float(np.append(best_beyond, 0.0)[index].mean())
