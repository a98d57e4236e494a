"""One backend for tensors of the CPU, another one for those of a GPU."""

from dataclasses import dataclass

import torch
from torch import Tensor

from epropnp.backends.protocol import Backend, StepRule
from epropnp.cost import PoseCost, SubsetCost
from epropnp.levenberg_marquardt import Solution
from epropnp.mixture import Mixture
from epropnp.proposals import Proposal, ProposalFamily
from epropnp.rounds import Schedule, WeightedPoses


@dataclass(frozen=True)
class ByDevice:
    """Gives every operation to the backend of the device where its tensors lie.

    Attributes:
        cpu: for all devices but GPUs.
        gpu: for devices of the type "cuda".
    """

    cpu: Backend
    gpu: Backend

    def minimize(self, cost: PoseCost, pose: Tensor, num_iter: int, rule: StepRule) -> Solution:
        """See `Backend.minimize`."""
        return self._of(pose).minimize(cost, pose, num_iter, rule)

    def minimize_subsets(
        self, cost: SubsetCost, index: Tensor, pose: Tensor, num_iter: int, rule: StepRule
    ) -> Tensor:
        """See `Backend.minimize_subsets`."""
        return self._of(pose).minimize_subsets(cost, index, pose, num_iter, rule)

    def algebraic_form(
        self, points: Tensor, residuals: Tensor, scales: Tensor, planar: Tensor
    ) -> Tensor:
        """See `Backend.algebraic_form`."""
        return self._of(points).algebraic_form(points, residuals, scales, planar)

    def values(self, cost: PoseCost, poses: Tensor) -> Tensor:
        """See `Backend.values`."""
        return self._of(poses).values(cost, poses)

    def attach(self, cost: PoseCost, poses: Tensor, values: Tensor) -> Tensor:
        """See `Backend.attach`."""
        return self._of(poses).attach(cost, poses, values)

    def newton_step(self, cost: PoseCost, pose: Tensor) -> Tensor:
        """See `Backend.newton_step`."""
        return self._of(pose).newton_step(cost, pose)

    def distinct_draws(self, chance: Tensor, draws: Tensor, race: Tensor, count: int) -> Tensor:
        """See `Backend.distinct_draws`."""
        return self._of(chance).distinct_draws(chance, draws, race, count)

    def weighted_poses(
        self,
        cost: PoseCost,
        first: Mixture,
        schedule: Schedule,
        generator: torch.Generator | None,
    ) -> WeightedPoses:
        """See `Backend.weighted_poses`."""
        return self._of(first.log_shares).weighted_poses(cost, first, schedule, generator)

    def sample(self, mixture: Mixture, num: int, generator: torch.Generator | None) -> Tensor:
        """See `Backend.sample`."""
        return self._of(mixture.log_shares).sample(mixture, num, generator)

    def fit(self, family: ProposalFamily, poses: Tensor, log_weights: Tensor) -> Proposal:
        """See `Backend.fit`."""
        return self._of(poses).fit(family, poses, log_weights)

    def log_density(self, proposals: Proposal, log_shares: Tensor, poses: Tensor) -> Tensor:
        """See `Backend.log_density`."""
        return self._of(poses).log_density(proposals, log_shares, poses)

    def _of(self, tensor: Tensor) -> Backend:
        return self.gpu if tensor.device.type == "cuda" else self.cpu
