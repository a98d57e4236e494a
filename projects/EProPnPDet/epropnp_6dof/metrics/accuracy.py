"""Per-target errors and the accuracy table of LineMOD papers and the BOP challenge."""

from typing import NamedTuple

import numpy as np
from scipy.integrate import simpson

from epropnp_data.geometry.rigid import RigidPose

from .pose_error import (
    add_error,
    adi_error,
    mspd_error,
    mssd_error,
    projection_error,
    rotation_error_deg,
    translation_error,
)

ADD_FRACTIONS = (0.02, 0.05, 0.1)  # of the diameter
PROJECTION_PIXELS = (2, 5, 10, 20)
DEGREES_CENTIMETRES = (2, 5, 10)
ADD_AUC_LIMIT, ADD_AUC_STEP = 0.1, 1e-4  # diameters


class PoseErrors(NamedTuple):
    """Errors of one target, lengths in metres; infinite where there is no estimate."""

    obj_id: int
    diameter: float
    symmetric: bool
    add: float
    adi: float
    mssd: float
    mspd: float
    proj: float
    rotation_deg: float
    translation: float

    @property
    def add_s(self) -> float:
        """ADI for a symmetric object, else ADD: the "ADD(-S)" of LineMOD tables."""
        return self.adi if self.symmetric else self.add


class ModelLike(NamedTuple):
    """What the errors need of a model; :class:`epropnp_6dof.bop.ObjectModel` fits too."""

    obj_id: int
    diameter: float
    vertices: np.ndarray
    symmetries: tuple[RigidPose, ...]


def nearest_symmetric_pose(
    pose_est: RigidPose, pose_gt: RigidPose, symmetries: tuple[RigidPose, ...]
) -> RigidPose:
    """The equivalent of the true pose whose rotation is nearest to the estimate.

    Generalises the 180 degree rule for the LineMOD egg box to every known symmetry.
    """
    candidates = [pose_gt.compose(symmetry) for symmetry in symmetries]
    return min(candidates, key=lambda pose: rotation_error_deg(pose_est, pose))


def pose_errors(
    pose_est: RigidPose | None,
    pose_gt: RigidPose,
    model: ModelLike,
    cam_mat: np.ndarray,
    fold_symmetries: bool = True,
) -> PoseErrors:
    """All errors of one target.

    Args:
        pose_est: estimate, None if the object was missed.
        pose_gt: true pose.
        model: vertices (V, 3) in metres, diameter and symmetries.
        cam_mat: (3, 3) intrinsics.
        fold_symmetries: measure rotation, translation and mean projection against the nearest
            symmetric equivalent; ADD always uses the annotated pose.
    """
    symmetric = len(model.symmetries) > 1
    if pose_est is None:
        return PoseErrors(model.obj_id, model.diameter, symmetric, *[np.inf] * 7)
    reference = pose_gt
    if fold_symmetries and symmetric:
        reference = nearest_symmetric_pose(pose_est, pose_gt, model.symmetries)
    return PoseErrors(
        obj_id=model.obj_id,
        diameter=model.diameter,
        symmetric=symmetric,
        add=add_error(pose_est, pose_gt, model.vertices),
        adi=adi_error(pose_est, pose_gt, model.vertices),
        mssd=mssd_error(pose_est, pose_gt, model.vertices, model.symmetries),
        mspd=mspd_error(pose_est, pose_gt, model.vertices, model.symmetries, cam_mat),
        proj=projection_error(pose_est, reference, model.vertices, cam_mat),
        rotation_deg=rotation_error_deg(pose_est, reference),
        translation=translation_error(pose_est, reference),
    )


def accuracy_table(errors: list[PoseErrors]) -> dict[int, dict[str, float]]:
    """Accuracies of each object in percent; comparisons are strict.

    Columns: ``add_0.02d`` .. ``add_0.1d`` (ADD-S for symmetric objects) and ``add_auc``,
    ``proj_2px`` .., ``2deg2cm`` .., ``count``. The paper averages objects without weights, see
    :func:`mean_row`.
    """
    table = {}
    for obj_id in sorted({error.obj_id for error in errors}):
        rows = [error for error in errors if error.obj_id == obj_id]
        add = np.array([row.add_s / row.diameter for row in rows])
        proj = np.array([row.proj for row in rows])
        rotation = np.array([row.rotation_deg for row in rows])
        centimetres = np.array([row.translation for row in rows]) * 100
        line = {f"add_{f:g}d": 100 * float((add < f).mean()) for f in ADD_FRACTIONS}
        line["add_auc"] = _area_under_accuracy(add)
        line |= {f"proj_{p}px": 100 * float((proj < p).mean()) for p in PROJECTION_PIXELS}
        line |= {
            f"{n}deg{n}cm": 100 * float(((rotation < n) & (centimetres < n)).mean())
            for n in DEGREES_CENTIMETRES
        }
        table[obj_id] = line | {"count": len(rows)}
    return table


def mean_row(table: dict[int, dict[str, float]]) -> dict[str, float]:
    """Unweighted mean over objects, ``count`` summed."""
    if not table:
        return {}
    lines = list(table.values())
    mean = {key: float(np.mean([line[key] for line in lines])) for key in lines[0]}
    return mean | {"count": sum(line["count"] for line in lines)}


def _area_under_accuracy(add: np.ndarray) -> float:
    """Percent; mean accuracy over thresholds 0 .. 0.1 diameters, Simpson's rule."""
    thresholds = np.arange(0, ADD_AUC_LIMIT + ADD_AUC_STEP / 2, ADD_AUC_STEP)
    accuracy = (add[None] < thresholds[:, None]).mean(axis=1)
    return 100 * float(simpson(accuracy, dx=ADD_AUC_STEP)) / ADD_AUC_LIMIT
