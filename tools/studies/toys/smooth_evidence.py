"""The log evidence is smooth where the optimum jumps from one mode to another."""

import itertools
import math
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from epropnp import CauchyPnPCost, LMSolver, PerspectiveCamera, YawPose
from epropnp.cost import PoseCost
from epropnp.distributions import wrap_angle
from epropnp.problem import build_problem
from epropnp.solvers import pose_manifold

TITLE = "Log evidence and optimum between two modes"
POSES = ((-1.5, 1.0, 20.0, 0.4), (1.5, 1.0, 20.0, 0.4 + torch.pi))
FOCAL, PIXELS = 700.0, 8.0  # focal length, and deviation that the weights stand for, pixels
STEPS, SAMPLES = 81, 8192  # samples of each peak
FREEDOM = 3  # degrees of freedom of the proposals


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


class Peak(NamedTuple):
    """A minimum of each of B costs: pose (B, 4), and a root (B, 4, 4) of its covariance."""

    pose: Tensor
    root: Tensor


def sweep(steps: int = STEPS, samples: int = SAMPLES) -> Sweep:
    """Move the weight from one opinion to the other and note optimum and evidence."""
    x3d, x2d = two_opinions()
    share = torch.linspace(0.5, 0.75, steps, dtype=torch.float64, requires_grad=True)
    points = [value.double().expand(steps, -1, -1) for value in (x3d, x2d)]
    matches = (*points, weights(share, len(x3d) // 2))
    camera = PerspectiveCamera().bind(torch.diag(torch.tensor([FOCAL, FOCAL, 1.0]).double()))
    solver, cost_fun = LMSolver(dof=4, num_iter=30), CauchyPnPCost(delta=2.0)
    cost = build_problem(*matches, camera, cost_fun, pose_manifold(4, camera)).cost
    found = [
        solver(*matches, camera, cost_fun, pose.expand(steps, 4), with_pose_cov=True)
        for pose in torch.tensor(POSES, dtype=torch.float64)
    ]
    peaks = [Peak(each.pose_opt, torch.linalg.cholesky(each.pose_cov)) for each in found]
    values = torch.stack([cost.value(peak.pose) for peak in peaks])
    second = values[1] < values[0]
    least = values.amin(0)
    heading = wrap_angle(torch.where(second, peaks[1].pose[:, 3], peaks[0].pose[:, 3]))
    evidence = log_evidence(cost, peaks, samples)
    slopes = [
        torch.autograd.grad(curve.sum(), share, retain_graph=True)[0] for curve in (least, evidence)
    ]
    curves = (share, heading, least, slopes[0], evidence, slopes[1])
    return Sweep(*(curve.detach().tolist() for curve in curves))


def log_evidence(cost: PoseCost, peaks: list[Peak], samples: int) -> Tensor:
    """Log (B,) of the integral of exp(-cost), by importance sampling around all peaks.

    As many draws of Student's t with three degrees of freedom from each, the same random numbers
    for all B, so that nothing but the cost changes along the way.
    """
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(samples, 4, generator=generator, dtype=torch.float64)
    chi = torch.randn(samples, FREEDOM, generator=generator, dtype=torch.float64).square().sum(1)
    draws = normal / (chi / FREEDOM).sqrt()[:, None]
    poses = torch.cat(
        [peak.pose + torch.einsum("bij,sj->sbi", peak.root, draws) for peak in peaks]
    ).detach()
    densities = torch.stack([_log_density(poses, peak) for peak in peaks])
    mixture = densities.logsumexp(0) - math.log(len(peaks))
    return (-cost.value(poses) - mixture.detach()).logsumexp(0) - math.log(len(poses))


def _log_density(poses: Tensor, peak: Peak) -> Tensor:
    """Log density (S, B) of Student's t around a peak, at poses (S, B, 4)."""
    apart = poses - peak.pose
    apart = torch.cat((apart[..., :3], wrap_angle(apart[..., 3:])), dim=-1)
    scaled = torch.linalg.solve_triangular(peak.root, apart[..., None], upper=False)[..., 0]
    constant = math.lgamma((FREEDOM + 4) / 2) - math.lgamma(FREEDOM / 2)
    constant -= 2 * math.log(FREEDOM * math.pi)
    volume = peak.root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    spread = (scaled.square().sum(-1) / FREEDOM).log1p()
    return constant - volume - (FREEDOM + 4) / 2 * spread


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
