"""The readable reference: plain torch operations, for any cost and any proposals.

Costs of samples keep no graph per sample. The gradient of the Monte Carlo loss by the leaves of a
cost needs no more than one number per sample, the derivative of the loss by its cost; everything
else is computed again in the backward, in chunks. Memory grows with samples plus points, not with
their product.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from epropnp import linear
from epropnp.backends.protocol import StepRule
from epropnp.cost import PoseCost, SubsetCost
from epropnp.gauss_newton import gauss_newton_step
from epropnp.levenberg_marquardt import Solution
from epropnp.mixture import Mixture
from epropnp.precision import full_precision
from epropnp.proposals import Proposal, ProposalFamily
from epropnp.rounds import Schedule, WeightedPoses, draw_rounds
from epropnp.subsets import distinct_draws

CPU_CHUNK = 2**17  # residuals evaluated at a time, about what second level caches hold
DEVICE_CHUNK = 2**25
# torch 2.6 has the wider question only
is_exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)


@dataclass(frozen=True)
class EagerBackend:
    """Evaluation in chunks of samples, recomputed in the backward; see `Backend`.

    A faster one overrides what it can; `attach` uses its `weighted_gradient`.

    Attributes:
        chunk: residuals per chunk; chosen by the device if None.
    """

    chunk: int | None = None

    @torch.no_grad()
    def minimize(self, cost: PoseCost, pose: Tensor, num_iter: int, rule: StepRule) -> Solution:
        """See `Backend.minimize`."""
        return rule.minimize(cost, pose, num_iter)

    @torch.no_grad()
    def minimize_subsets(
        self, cost: SubsetCost, index: Tensor, pose: Tensor, num_iter: int, rule: StepRule
    ) -> Tensor:
        """See `Backend.minimize_subsets`."""
        return self.minimize(cost.subset(index), pose, num_iter, rule).pose_opt

    @torch.no_grad()
    def values(self, cost: PoseCost, poses: Tensor) -> Tensor:
        """See `Backend.values`."""
        parts = [cost.value(part) for part in poses.split(self._samples(cost, poses))]
        return torch.cat(parts) if parts else poses.new_zeros(poses.shape[:-1])

    @torch.no_grad()
    def algebraic_form(
        self, points: Tensor, residuals: Tensor, scales: Tensor, planar: Tensor
    ) -> Tensor:
        """See `Backend.algebraic_form`."""
        planar = planar.unsqueeze(-1).expand(*residuals.shape[:-2], 2, 2, residuals.shape[-1])
        rows = torch.cat((planar, -residuals.unsqueeze(-2)), dim=-2) * scales.unsqueeze(-2)
        points = torch.cat((points, torch.ones_like(points[..., :1, :])), dim=-2)  # (..., B, 4, n)
        features = rows.unsqueeze(-2) * points[..., None, None, :, :]  # (..., B, 2, 3, 4, n)
        features = features.flatten(-3, -2).transpose(-3, -2).flatten(-2)  # (..., B, 12, 2 n)
        return linear.contract(features, features)

    def weighted_gradient(
        self, cost: PoseCost, poses: Tensor, weights: Tensor, names: list[str]
    ) -> dict[str, Tensor]:
        """See `PoseCost.weighted_gradient`; chunk by chunk."""
        leaves = cost.leaves()
        totals = {name: torch.zeros_like(leaves[name]) for name in names}
        size = self._samples(cost, poses)
        for part, weight in zip(poses.split(size), weights.split(size), strict=True):
            terms = cost.weighted_gradient(part, weight, names)
            totals = {name: total + terms[name] for name, total in totals.items()}
        return totals

    def attach(self, cost: PoseCost, poses: Tensor, values: Tensor) -> Tensor:
        """See `Backend.attach`; can be differentiated twice."""
        leaves = cost.leaves()
        # the graph lives as long as the loss, so it must not hold the tensors themselves
        hollow = cost.with_leaves({name: leaf.new_empty(0) for name, leaf in leaves.items()})
        spec = _Spec(self, hollow, tuple(leaves))
        return _Recompute.apply(spec, poses.detach(), values.detach(), *leaves.values())

    def newton_step(self, cost: PoseCost, pose: Tensor) -> Tensor:
        """See `Backend.newton_step`."""
        return gauss_newton_step(cost, pose)

    @torch.no_grad()
    def distinct_draws(self, chance: Tensor, draws: Tensor, race: Tensor, count: int) -> Tensor:
        """See `Backend.distinct_draws`."""
        return distinct_draws(chance, draws, race, count)

    @torch.no_grad()
    def weighted_poses(
        self,
        cost: PoseCost,
        first: Mixture,
        schedule: Schedule,
        generator: torch.Generator | None,
    ) -> WeightedPoses:
        """See `Backend.weighted_poses`."""
        return draw_rounds(self, cost, first, schedule, generator)

    @torch.no_grad()
    def sample(self, mixture: Mixture, num: int, generator: torch.Generator | None) -> Tensor:
        """See `Backend.sample`."""
        return mixture.sample(num, generator)

    @torch.no_grad()
    def fit(self, family: ProposalFamily, poses: Tensor, log_weights: Tensor) -> Proposal:
        """See `Backend.fit`."""
        return family.fit(poses, log_weights)

    @torch.no_grad()
    def log_density(self, proposals: Proposal, log_shares: Tensor, poses: Tensor) -> Tensor:
        """See `Backend.log_density`."""
        return (proposals.log_prob(poses.unsqueeze(1)) + log_shares).logsumexp(1)

    def _samples(self, cost: PoseCost, poses: Tensor) -> int:
        """Samples per chunk."""
        if is_exporting():  # a program is for any number of objects
            return poses.shape[0]
        residuals = self.chunk or (CPU_CHUNK if poses.device.type == "cpu" else DEVICE_CHUNK)
        return max(1, residuals // max(1, cost.num_residuals * poses.shape[1]))


@dataclass(frozen=True, eq=False)
class _Spec:
    """What a backward needs besides tensors: who computes, and a cost without its tensors."""

    backend: EagerBackend
    hollow: PoseCost
    names: tuple[str, ...]

    @full_precision
    def gradient(
        self, poses: Tensor, weights: Tensor, leaves: tuple[Tensor, ...], needed: tuple[bool, ...]
    ) -> list[Tensor | None]:
        """Gradient of sum(weights * cost) by each leaf that needs one."""
        cost = self.hollow.with_leaves(dict(zip(self.names, leaves, strict=True)))
        wanted = [name for name, need in zip(self.names, needed, strict=True) if need]
        found = self.backend.weighted_gradient(cost, poses, weights, wanted)
        return [found.get(name) for name in self.names]


class _Recompute(torch.autograd.Function):
    """Identity on known costs, whose backward evaluates them again."""

    @staticmethod
    def forward(spec, poses, values, *leaves):
        return values.clone()

    @staticmethod
    def setup_context(ctx, inputs, output):
        spec, poses, _, *leaves = inputs
        ctx.spec = spec
        ctx.save_for_backward(poses, *leaves)

    @staticmethod
    def backward(ctx, grad):
        poses, *leaves = ctx.saved_tensors
        needed = ctx.needs_input_grad[3:]
        return None, None, None, *ctx.spec.gradient(poses, grad, tuple(leaves), needed)

    @staticmethod
    def vmap(info, in_dims, *args):
        raise RuntimeError(
            "torch.func.vmap over the Monte Carlo loss is not supported; the layer is batched "
            "already: put what vmap would map over into the axis of the objects"
        )
