"""The backend on Triton's kernels; whatever has no kernel goes to the eager reference."""

from dataclasses import dataclass

import torch
from torch import Tensor

from epropnp.backends.coverage import POINT_LEAVES, like_leaf, supported
from epropnp.backends.differentiable import newton_step, only_points_learnt
from epropnp.backends.eager import EagerBackend
from epropnp.backends.protocol import StepRule
from epropnp.backends.triton_gpu import launch
from epropnp.cost import PoseCost
from epropnp.levenberg_marquardt import Solution, TrustRegion


@dataclass(frozen=True)
class TritonBackend(EagerBackend):
    """Kernels for reprojection costs under a Huber kernel, on a GPU, in float32 or float64.

    Results are those of `EagerBackend` but for the order of sums. Other costs, other devices, and
    calls that are traced or differentiated twice take the eager way. Under Triton's interpreter
    (``TRITON_INTERPRET=1`` before triton is imported) the kernels take tensors of the CPU too,
    slowly, which is how they are tested without a GPU.
    """

    def minimize(self, cost: PoseCost, pose: Tensor, num_iter: int, rule: StepRule) -> Solution:
        """See `Backend.minimize`; Levenberg-Marquardt steps have a kernel."""
        if type(rule) is not TrustRegion or not _supported(cost, pose):
            return super().minimize(cost, pose, num_iter, rule)
        return launch.minimize(cost, pose, num_iter, rule)

    def values(self, cost: PoseCost, poses: Tensor) -> Tensor:
        """See `Backend.values`."""
        if not _supported(cost, poses):
            return super().values(cost, poses)
        return launch.sample_values(cost, poses)

    def weighted_gradient(
        self, cost: PoseCost, poses: Tensor, weights: Tensor, names: list[str]
    ) -> dict[str, Tensor]:
        """See `PoseCost.weighted_gradient`; the gradient by points, weights and delta has a kernel.

        That by the camera and by gravity is eager.
        """
        if torch.is_grad_enabled() or not _supported(cost, poses, weights):
            return super().weighted_gradient(cost, poses, weights, names)
        leaves, found = cost.leaves(), {}
        if set(names) & set(POINT_LEAVES):
            found = launch.point_gradients(cost, poses, weights)
        others = [name for name in names if name not in POINT_LEAVES]
        if others:
            found |= super().weighted_gradient(cost, poses, weights, others)
        return {name: like_leaf(found.get(name), leaves[name]) for name in names}

    def newton_step(self, cost: PoseCost, pose: Tensor) -> Tensor:
        """See `Backend.newton_step`."""
        if pose.requires_grad or not _supported(cost, pose) or not only_points_learnt(cost):
            return super().newton_step(cost, pose)
        return newton_step(launch.STEP_KERNELS, cost, pose)


def _supported(cost: PoseCost, *tensors: Tensor) -> bool:
    return supported(cost, *tensors, devices=launch.DEVICES)
