"""The log evidence is smooth where the optimum jumps from one mode to another."""

import itertools
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from epropnp import (
    CauchyPnPCost,
    DistinctPeaks,
    EProPnP4DoF,
    LMSolver,
    PerspectiveCamera,
    RSLMSolver,
    YawPose,
)
from epropnp.distributions import wrap_angle

TITLE = "Log evidence and optimum between two modes"
POSES = ((-1.5, 1.0, 20.0, 0.4), (1.5, 1.0, 20.0, 0.4 + torch.pi))
FOCAL, PIXELS = 700.0, 8.0  # focal length, and deviation that the weights stand for, pixels
STEPS, SAMPLES, SEEDS = 81, 8192, 8


class Sweep(NamedTuple):
    """What happens on the way, one number for each step.

    Attributes:
        share: weight of the points that speak for the second pose.
        heading: of the best pose, radians.
        cost: of the best pose.
        cost_slope: derivative of the cost of the best pose by the share.
        evidence: log of the integral of exp(-cost).
        evidence_slope: its derivative by the share.
    """

    share: list[float]
    heading: list[float]
    cost: list[float]
    cost_slope: list[float]
    evidence: list[float]
    evidence_slope: list[float]


def two_opinions(num: int = 12) -> tuple[Tensor, Tensor]:
    """Points (2 n, 3), of which the first half is seen from one pose, the others from another."""
    generator = torch.Generator().manual_seed(0)
    size = torch.tensor([4.5, 1.6, 1.9])
    x3d = (torch.rand(2, num, 3, generator=generator) - 0.5) * size
    pose = torch.tensor(POSES)
    points_cam = x3d @ YawPose().rotation_matrix(pose).mT + pose[:, None, :3]
    x2d = FOCAL * points_cam[..., :2] / points_cam[..., 2:]
    return x3d.flatten(0, 1), x2d.flatten(0, 1)


def weights(share: Tensor, num: int) -> Tensor:
    """Weights (B, 2 n, 2) of shares (B,)."""
    halves = torch.stack((1 - share, share), dim=1) / PIXELS
    return halves.repeat_interleave(num, dim=1)[..., None].expand(-1, -1, 2)


def sweep(steps: int = STEPS, samples: int = SAMPLES, seeds: int = SEEDS) -> Sweep:
    """Move the weight from one opinion to the other and note what the layer says."""
    x3d, x2d = two_opinions()
    share = torch.linspace(0.5, 0.75, steps, dtype=torch.float64, requires_grad=True)
    points = [value.double().expand(steps, -1, -1) for value in (x3d, x2d)]
    w2d = weights(share, len(x3d) // 2)
    camera = PerspectiveCamera().bind(torch.diag(torch.tensor([FOCAL, FOCAL, 1.0]).double()))
    start = RSLMSolver(dof=4, num_points=8, num_proposals=64, num_iter=5)
    solver = LMSolver(dof=4, num_iter=30, init_solver=start)
    layer = EProPnP4DoF(samples, solver=solver, peaks=DistinctPeaks())
    options = {"camera": camera, "cost_fun": CauchyPnPCost(delta=2.0)}
    # the better of the minima from both sides, and what the cost there asks of the weights
    pose = torch.tensor(POSES, dtype=torch.float64)
    found = [
        layer.monte_carlo_forward(*points, w2d, **options, pose_init=one.expand(steps, 4))
        for one in pose
    ]
    second = found[1].cost < found[0].cost
    best = torch.where(second[:, None], found[1].pose_opt, found[0].pose_opt)
    at_best = layer.monte_carlo_forward(*points, w2d, **options, pose_init=best)
    (cost_slope,) = torch.autograd.grad(at_best.cost_target.sum(), share, retain_graph=True)
    heading = wrap_angle(best[:, 3])
    evidence, slope = _evidence(layer, [*points, w2d], options, best, share, seeds)
    return Sweep(
        *(
            values.detach().tolist()
            for values in (share, heading, at_best.cost_target, cost_slope, evidence, slope)
        )
    )


def _evidence(
    layer: EProPnP4DoF,
    matches: list[Tensor],
    options: dict,
    best: Tensor,
    share: Tensor,
    seeds: int,
) -> tuple[Tensor, Tensor]:
    """Log evidence and its slope, of the samples of all seeds together."""
    draws = [
        layer.monte_carlo_forward(
            *matches, **options, pose_init=best, generator=torch.Generator().manual_seed(seed)
        ).pose_sample_logweights
        for seed in range(seeds)
    ]
    pooled = torch.cat(draws)
    evidence = pooled.logsumexp(0) - torch.tensor(float(len(pooled))).log()
    (slope,) = torch.autograd.grad(evidence.sum(), share)
    return evidence, slope


def measure(steps: int = STEPS) -> dict[str, Any]:
    """The sweep, and the largest change between neighbouring steps of each curve."""
    found = sweep(steps)
    changes = {
        f"largest_step_of_{name}": max(abs(b - a) for a, b in itertools.pairwise(values))
        for name, values in found._asdict().items()
    }
    return {**changes, **found._asdict()}


def plot(measured: dict[str, Any], out: Path) -> None:
    """Heading, the two logs, and their slopes."""
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.2))
    share = measured["share"]
    axes[0].plot(share, torch.tensor(measured["heading"]).rad2deg())
    axes[0].set(title="heading of the optimum, degrees")
    for axis, ending in ((axes[1], ""), (axes[2], "_slope")):
        axis.plot(share, [-value for value in measured[f"cost{ending}"]], label="minus least cost")
        axis.plot(share, measured[f"evidence{ending}"], label="log evidence")
    axes[1].set(title="nats")
    axes[2].set(title="slope, nats per unit of share")
    axes[2].legend(fontsize=8)
    for axis in axes:
        axis.set(xlabel="weight of the second opinion")
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(out, dpi=110)
    plt.close(figure)
