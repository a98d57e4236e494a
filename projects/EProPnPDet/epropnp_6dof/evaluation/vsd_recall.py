"""VSD recall of pose estimates on images with depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from epropnp_data.bop.object_view import ObjectCaster
from epropnp_data.bop.visibility import clip_window
from epropnp_data.geometry.rigid import RigidPose

from ..bop.models import ObjectModel
from ..bop.results import PoseEstimate
from ..metrics.bop_score import BOPScore, ErrorGroup, bop_average_recall
from ..metrics.vsd import VSD_THRESHOLDS, VSD_TOLERANCES, vsd_errors

if TYPE_CHECKING:
    from .bop_evaluation import Key, Truth


def vsd_recall(
    given: dict[Key, list[PoseEstimate]],
    wanted: dict[Key, list[Truth]],
    models: dict[int, ObjectModel],
) -> BOPScore | None:
    """Recall averaged over tolerances and thresholds; None where depth or a mesh is missing.

    Args:
        given: estimates by scene, image and object.
        wanted: targets.
        models: with faces.
    """
    targets = [truth for group in wanted.values() for truth in group]
    measured = all(t.image is not None and t.image.depth_path is not None for t in targets)
    if not targets or not measured or any(not len(models[t.obj_id].faces) for t in targets):
        return None
    ids = {truth.obj_id for truth in targets}
    casters = {i: ObjectCaster(models[i].vertices[models[i].faces]) for i in ids}
    by_tolerance: list[list[ErrorGroup]] = [[] for _ in VSD_TOLERANCES]
    for key, truths in wanted.items():
        estimates = sorted(given.get(key, []), key=lambda item: -item.score)[: len(truths)]
        errors = _errors(estimates, truths, casters[key[2]], models[key[2]].diameter)
        scores = np.array([item.score for item in estimates])
        visibility = np.array([truth.visib_fract for truth in truths])
        for groups, part in zip(by_tolerance, errors, strict=True):
            groups.append(ErrorGroup(key[2], scores, part, visibility))
    recalls = [bop_average_recall(groups, VSD_THRESHOLDS) for groups in by_tolerance]
    per_object = {i: float(np.mean([r.per_object[i] for r in recalls])) for i in sorted(ids)}
    return BOPScore(float(np.mean([recall.mean for recall in recalls])), per_object)


def render_depth(
    caster: ObjectCaster, pose: RigidPose, cam_mat: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """(H, W) metres of one posed object, 0 outside it."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = pose
    view = caster.view(matrix, cam_mat, (0, 0, shape[1], shape[0]))
    depth = np.zeros(shape)
    rows, columns, part = clip_window(view, shape)
    depth[rows, columns] = np.where(view.mask, view.depth, 0)[part]
    return depth


def _errors(
    estimates: list[PoseEstimate], truths: list[Truth], caster: ObjectCaster, diameter: float
) -> np.ndarray:
    """(T, E, G) VSD of all estimates against all instances of one object and image."""
    errors = np.ones((len(VSD_TOLERANCES), len(estimates), len(truths)))
    if not estimates:
        return errors
    test, cam_mat = truths[0].image.read_depth(), truths[0].cam_mat
    found = [render_depth(caster, item.pose, cam_mat, test.shape) for item in estimates]
    for column, truth in enumerate(truths):
        true = render_depth(caster, truth.pose, cam_mat, test.shape)
        for row, depth in enumerate(found):
            errors[:, row, column] = vsd_errors(depth, true, test, cam_mat, diameter)
    return errors
