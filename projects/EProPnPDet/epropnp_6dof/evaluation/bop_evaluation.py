"""Evaluate a list of pose estimates the way BOP and the LineMOD papers do."""

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from epropnp_data.geometry.rigid import RigidPose

from ..bop.models import ObjectModel
from ..bop.results import PoseEstimate
from ..bop.scenes import SceneImage
from ..metrics.accuracy import PoseErrors, pose_errors
from ..metrics.bop_score import (
    MIN_VISIBILITY,
    MSPD_REFERENCE_WIDTH,
    MSPD_THRESHOLDS,
    MSSD_THRESHOLDS,
    BOPScore,
    ErrorGroup,
    bop_average_precision,
    bop_average_recall,
)
from ..metrics.pose_error import mspd_error, mssd_error
from .vsd_recall import vsd_recall

Key = tuple[int, int, int]  # scene, image, object


class Truth(NamedTuple):
    """True pose of one instance and the image that shows it."""

    scene_id: int
    im_id: int
    obj_id: int
    pose: RigidPose
    visib_fract: float
    cam_mat: np.ndarray
    image_width: int
    image: SceneImage | None = None

    @property
    def key(self) -> Key:
        """Scene, image, object."""
        return self.scene_id, self.im_id, self.obj_id


class Evaluation(NamedTuple):
    """Errors of every target and the BOP scores; no VSD without depth images and meshes."""

    errors: list[PoseErrors]
    recall_mssd: BOPScore
    recall_mspd: BOPScore
    precision_mssd: BOPScore
    precision_mspd: BOPScore
    recall_vsd: BOPScore | None = None


def truths_of_images(images: list[SceneImage], image_width: int) -> list[Truth]:
    """Flatten annotated images of one width (pixels) to true poses."""
    return [
        Truth(i.scene_id, i.im_id, o.obj_id, o.pose, o.visib_fract, i.cam_mat, image_width, i)
        for i in images
        for o in i.instances
    ]


def select_targets(truths: list[Truth], targets: dict[Key, int] | None) -> list[Truth]:
    """Keep what a target list asks for, the most visible instances first.

    Without a list every instance at least ``MIN_VISIBILITY`` visible is a target.
    """
    if targets is None:
        return [truth for truth in truths if truth.visib_fract >= MIN_VISIBILITY]
    grouped = _group(truths)
    kept = []
    for key, count in targets.items():
        kept += sorted(grouped.get(key, []), key=lambda truth: -truth.visib_fract)[:count]
    return kept


def evaluate_estimates(
    estimates: list[PoseEstimate],
    truths: list[Truth],
    models: dict[int, ObjectModel],
    targets: dict[Key, int] | None = None,
    fold_symmetries: bool = True,
) -> Evaluation:
    """Errors per target and BOP scores.

    Args:
        estimates: any number per image; the best-scored one of an object answers its target.
        truths: all annotated instances of the evaluated images.
        models: object id to model with vertices.
        targets: BOP target list; None takes every visible instance.
        fold_symmetries: see :func:`epropnp_6dof.metrics.pose_errors`.
    """
    wanted = _group(select_targets(truths, targets))
    given = _group(estimates)
    errors = [
        error
        for key, group in wanted.items()
        for error in _target_errors(given.get(key, []), group, models, fold_symmetries)
    ]
    annotated = _group(truths)
    keys = list(annotated) + [key for key in given if key not in annotated and key[2] in models]
    detect = {k: _error_groups(given.get(k, []), annotated.get(k, []), models[k[2]]) for k in keys}
    localise = [
        _keep_instances(detect[key], [_index(annotated[key], truth) for truth in group])
        for key, group in wanted.items()
    ]
    return Evaluation(
        errors,
        bop_average_recall([pair[0] for pair in localise], MSSD_THRESHOLDS),
        bop_average_recall([pair[1] for pair in localise], MSPD_THRESHOLDS),
        bop_average_precision([pair[0] for pair in detect.values()], MSSD_THRESHOLDS),
        bop_average_precision([pair[1] for pair in detect.values()], MSPD_THRESHOLDS),
        vsd_recall(given, wanted, models),
    )


def _group(items: list) -> dict[Key, list]:
    grouped = defaultdict(list)
    for item in items:
        grouped[item[:3]].append(item)
    return grouped


def _target_errors(
    estimates: list[PoseEstimate],
    truths: list[Truth],
    models: dict[int, ObjectModel],
    fold_symmetries: bool,
) -> list[PoseErrors]:
    """Errors of the instances of one object in one image, best estimates first."""
    remaining = sorted(estimates, key=lambda item: -item.score)[: len(truths)]
    rows = []
    for truth in truths:
        pose = None
        if remaining:
            distances = [
                np.linalg.norm(item.pose.translation - truth.pose.translation) for item in remaining
            ]
            pose = remaining.pop(int(np.argmin(distances))).pose
        rows.append(
            pose_errors(pose, truth.pose, models[truth.obj_id], truth.cam_mat, fold_symmetries)
        )
    return rows


def _error_groups(
    estimates: list[PoseEstimate], truths: list[Truth], model: ObjectModel
) -> tuple[ErrorGroup, ErrorGroup]:
    """Normalised MSSD and MSPD of all estimates against all instances of one object and image."""
    mssd = np.empty((len(estimates), len(truths)))
    mspd = np.empty_like(mssd)
    for row, estimate in enumerate(estimates):
        for column, truth in enumerate(truths):
            pair = estimate.pose, truth.pose, model.vertices, model.symmetries
            mssd[row, column] = mssd_error(*pair) / model.diameter
            pixels = mspd_error(*pair, truth.cam_mat)
            mspd[row, column] = pixels * MSPD_REFERENCE_WIDTH / truth.image_width
    scores = np.array([item.score for item in estimates])
    visibility = np.array([truth.visib_fract for truth in truths])
    return (
        ErrorGroup(model.obj_id, scores, mssd, visibility),
        ErrorGroup(model.obj_id, scores, mspd, visibility),
    )


def _keep_instances(
    groups: tuple[ErrorGroup, ErrorGroup], columns: list[int]
) -> tuple[ErrorGroup, ErrorGroup]:
    mssd, mspd = (
        g._replace(errors=g.errors[:, columns], visibility=g.visibility[columns]) for g in groups
    )
    return mssd, mspd


def _index(truths: list[Truth], wanted: Truth) -> int:
    return next(index for index, truth in enumerate(truths) if truth is wanted)
