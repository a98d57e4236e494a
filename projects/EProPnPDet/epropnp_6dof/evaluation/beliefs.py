"""What a network believes of known poses: density at the truth, credible levels, spread.

Shapes: N objects, T temperatures.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from epropnp.posterior import PoseDistribution

from ..bop.models import ObjectModel
from ..metrics.pose_error import RigidPose, add_error, adi_error
from ..models.pose_estimator import DensePoseEstimator
from ..models.rotations import quaternion_to_matrix
from ..models.structures import PoseDataSample, PosePredictions
from ..models.symmetric_targets import compose

STEP_TO_TURN = 2.0  # radians of rotation per unit of the solver's quaternion step
MAX_EQUIVALENTS = 64


class Beliefs(NamedTuple):
    """Beliefs about N objects.

    Attributes:
        obj_ids: (N,).
        images: (N,) names of the images they are on.
        log_density: (N, T) of the true pose, nats; of the likeliest of its equivalents.
        level: (N, T) probability of the poses that are likelier than the true one: uniform in
            [0, 1] if the distribution is right.
        spread: (N,) root mean square displacement of a point at half a diameter from the object's
            origin, from the covariance, in diameters.
        error: (N,) ADD, ADD-S for symmetric objects, in diameters.
        valid: (N,) objects with a pose and a distribution; the others' numbers mean nothing.
    """

    obj_ids: np.ndarray
    images: np.ndarray
    log_density: np.ndarray
    level: np.ndarray
    spread: np.ndarray
    error: np.ndarray
    valid: np.ndarray

    def select(self, keep: np.ndarray) -> Beliefs:
        """Those about some of the objects, by a mask (N,) or indices."""
        return Beliefs(*(column[keep] for column in self))


@torch.no_grad()
def collect_beliefs(
    network: DensePoseEstimator,
    batches: Iterable[dict],
    models: dict[int, ObjectModel],
    temperatures: list[float],
) -> Beliefs:
    """Run a network whose solver has a `distribution` over annotated crops.

    Args:
        network: in evaluation mode.
        batches: of a data loader, with true poses.
        models: with vertices.
        temperatures: T of them.
    """
    parts = []
    for batch in batches:
        data = network.data_preprocessor(batch, training=False)
        samples: list[PoseDataSample] = data["data_samples"]
        maps, crops, predictions = network.predict_maps(data["inputs"], samples)
        known = [models[sample.obj_id] for sample in samples]
        equivalents = equivalent_poses(crops.poses_gt, known)
        log_density, level, valid = [], [], predictions.valid.clone()
        for temperature in temperatures:
            found = network.solver.distribution(maps, crops, predictions.poses, temperature)
            density = found.log_prob(equivalents).amax(dim=0)
            log_density.append(density)
            level.append(credible_level(found, density))
            valid &= found.valid & density.isfinite()
        errors = [
            _error(pose, truth, model)
            for pose, truth, model in zip(predictions.poses, crops.poses_gt, known, strict=True)
        ]
        parts.append(
            Beliefs(
                np.array([model.obj_id for model in known]),
                np.array([f"{s.scene_id:06d}/{s.im_id:06d}" for s in samples]),
                torch.stack(log_density, 1).double().numpy(),
                torch.stack(level, 1).double().numpy(),
                relative_spread(predictions, np.array([model.diameter for model in known])),
                np.array(errors),
                valid.numpy(),
            )
        )
    return Beliefs(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))


def equivalent_poses(poses: Tensor, models: list[ObjectModel]) -> Tensor:
    """Poses (S, B, 7) equivalent to (B, 7) under each object's symmetries, padded with the pose."""
    kept = [m.symmetries[:: -(-len(m.symmetries) // MAX_EQUIVALENTS)] for m in models]
    longest = max(map(len, kept))
    matrices = torch.eye(4).repeat(longest, len(models), 1, 1).to(poses)
    for index, symmetries in enumerate(kept):
        for row, symmetry in enumerate(symmetries):
            matrices[row, index, :3, :3] = torch.as_tensor(symmetry.rotation)
            matrices[row, index, :3, 3] = torch.as_tensor(symmetry.translation)
    return torch.stack([compose(poses, transforms) for transforms in matrices])


def credible_level(distribution: PoseDistribution, log_density: Tensor) -> Tensor:
    """Probability (B,) of the poses whose density is above a given one (B,)."""
    above = distribution.log_density > log_density
    return torch.where(above, distribution.pose_sample_weights, 0).sum(dim=0)


def relative_spread(predictions: PosePredictions, diameters: np.ndarray) -> np.ndarray:
    """See `Beliefs.spread`, (N,)."""
    variances = predictions.covariances.diagonal(dim1=-2, dim2=-1).double().numpy()
    turn = STEP_TO_TURN**2 * variances[:, 3:].sum(axis=1)
    # a turn w moves a point at distance r by |w x p|, in the mean over directions 2/3 r^2 |w|^2
    squared = variances[:, :3].sum(axis=1) + 2 / 3 * (diameters / 2) ** 2 * turn
    return np.sqrt(squared) / diameters


def _error(pose: Tensor, truth: Tensor, model: ObjectModel) -> float:
    found, true = (
        RigidPose(quaternion_to_matrix(p[3:].double()).numpy(), p[:3].double().numpy())
        for p in (pose, truth)
    )
    error = adi_error if model.is_symmetric else add_error
    return error(found, true, model.vertices) / model.diameter
