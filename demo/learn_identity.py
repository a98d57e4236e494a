# %% [markdown]
# # The identity of SE(3), learnt through correspondences
#
# The smallest test of a pose layer: a network gets seven numbers, a pose, and makes 64 matches of
# them from which the layer is to find the same pose. Object points, image points and weights are
# all free, so there are infinitely many right answers, and wrong ones as well: matches that fit
# other poses as well as the true one. Training starts the solver at the truth and does not notice;
# solve the trained network's matches without the truth and it shows.
#
#     python demo/learn_identity.py                                  # defaults of the layer
#     python demo/learn_identity.py --delta-gradient all --peaks best
#
# Takes a few minutes on one CPU core. `docs/layer.md` says what the two runs mean.

# %%
"""Learn to copy poses through the layer, then solve the matches without the truth."""

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from epropnp import (
    AdaptiveHuberPnPCost,
    BestPeak,
    DistinctPeaks,
    EProPnP6DoF,
    LMSolver,
    MonteCarloPoseLoss,
    PerspectiveCamera,
    RSLMSolver,
)
from epropnp.evidence import EvidenceCheck, evidence_check
from epropnp.kernels import DELTA_GRADIENTS

PEAKS = {"distinct": DistinctPeaks, "best": BestPeak}
CAMERA = PerspectiveCamera().bind(torch.eye(3))

# %% [markdown]
# ## The network
# A hidden layer, 64 points with seven numbers each, and a scale of the weights, two numbers that
# are the same for every pose.


# %%
class Matches(NamedTuple):
    """Correspondences of B poses.

    Attributes:
        x3d: (B, n, 3) metres.
        x2d: (B, n, 2) on the plane z = 1 of the camera.
        w2d: (B, n, 2) weights.
        scale: (2,) of the weights.
    """

    x3d: Tensor
    x2d: Tensor
    w2d: Tensor
    scale: Tensor


class IdentityNet(nn.Module):
    """Pose (B, 7) to matches."""

    def __init__(self, width: int = 1024, num_points: int = 64):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(7, width), nn.LeakyReLU(), nn.Linear(width, 7 * num_points)
        )
        self.log_scale = nn.Parameter(torch.zeros(2))

    def forward(self, pose: Tensor) -> Matches:
        """Matches of noisy poses."""
        x3d, x2d, logits = self.body(pose).unflatten(-1, (-1, 7)).split((3, 2, 2), dim=-1)
        scale = self.log_scale.exp()
        return Matches(x3d, x2d, logits.softmax(1) * scale, scale)


def draw_poses(num: int, generator: torch.Generator) -> Tensor:
    """Poses (num, 7): normal positions about five metres ahead, uniform rotations."""
    pose = torch.randn(num, 7, generator=generator)
    pose[:, 2] += 5.0
    pose[:, 3:] = nn.functional.normalize(pose[:, 3:], dim=-1)
    return pose


# %% [markdown]
# ## Training
# The Monte Carlo loss, and a little of the distance after one differentiable step.


# %%
class Setting(NamedTuple):
    """What a training needs; the numbers are those of the published demonstration."""

    delta_gradient: str = AdaptiveHuberPnPCost.delta_gradient
    peaks: str = "best"
    samples: int = 512
    starts: int = 128
    batch: int = 256
    noise: float = 0.01
    width: int = 1024
    learning_rate: float = 1e-4

    def layer(self) -> EProPnP6DoF:
        """Ten solver steps; starts from subsets of eight points."""
        start = RSLMSolver(num_points=8, num_proposals=self.starts, num_iter=5)
        solver = LMSolver(dof=6, num_iter=10, init_solver=start)
        return EProPnP6DoF(self.samples, 4, solver=solver, peaks=PEAKS[self.peaks]())

    def cost_fun(self) -> AdaptiveHuberPnPCost:
        """Huber kernel whose threshold follows weights and spread of the image points."""
        return AdaptiveHuberPnPCost(0.5, self.delta_gradient)


PUBLISHED = Setting()


def pose_distance(pose: Tensor, target: Tensor) -> Tensor:
    """Smooth L1 of the translation, and 2 (1 - dot^2) of the quaternions: (B,)."""
    far = (pose[:, :3] - target[:, :3]).norm(dim=-1)
    near = torch.where(far < 1.0, 0.5 * far.square(), far - 0.5)
    return near + 2.0 * (1.0 - (pose[:, 3:] * target[:, 3:]).sum(-1).square())


def train(
    net: IdentityNet, setting: Setting, num_steps: int, generator: torch.Generator
) -> Iterator[float]:
    """Train, and yield the Monte Carlo loss of every step."""
    layer, criterion = setting.layer(), MonteCarloPoseLoss(momentum=0.1)
    groups = [
        {"params": net.body.parameters()},
        {"params": [net.log_scale], "lr": 1e-2},
    ]
    optimizer = torch.optim.Adam(groups, lr=setting.learning_rate)
    for _ in range(num_steps):
        pose = draw_poses(setting.batch, generator)
        noisy = pose + setting.noise * torch.randn(pose.shape, generator=generator)
        *points, scale = net(noisy)
        result = layer.monte_carlo_forward(
            *points,
            CAMERA,
            setting.cost_fun(),
            pose_init=pose,
            with_pose_opt_plus=True,
            generator=generator,
        )
        loss = criterion(result.pose_sample_logweights, result.cost_target, scale.mean())
        distance = pose_distance(result.pose_opt_plus, pose).mean()
        optimizer.zero_grad()
        (loss + 0.1 * distance).backward()
        optimizer.step()
        yield loss.item()


# %% [markdown]
# ## Examination
# Poses the network has not seen, solved from random starts, and again from the truth.


# %%
class Report(NamedTuple):
    """What a trained network can do, means over poses."""

    translation_error: float  # metres, from random starts
    rotation_error: float  # radians
    spread: float  # standard deviation of the image points
    same_solution: float  # share of poses whose solutions from random starts and truth agree
    evidence: EvidenceCheck


@torch.no_grad()
def examine(net: IdentityNet, setting: Setting, num: int, generator: torch.Generator) -> Report:
    """Report on ``num`` fresh poses."""
    layer, cost_fun = setting.layer(), setting.cost_fun()
    pose = draw_poses(num, generator)
    *points, _ = net(pose)
    spread = points[1].std(dim=1).mean().item()
    options = {"camera": CAMERA, "cost_fun": cost_fun, "generator": generator}
    trained = layer.monte_carlo_forward(*points, pose_init=pose, **options)
    evidence = evidence_check(layer, trained, *points, **options)
    found = layer(*points, **options).pose_opt
    true = layer(*points, pose_init=pose, force_init_solve=False, **options).pose_opt
    translation, angle = pose_errors(found, pose)
    apart, turned = pose_errors(found, true)
    same = (apart < 0.05) & (turned < 0.05)
    errors = translation.mean().item(), angle.mean().item()
    return Report(*errors, spread, same.float().mean().item(), evidence)


def pose_errors(pose: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Distances (B,), metres, and rotation angles (B,), radians."""
    cosine = (pose[:, 3:] * target[:, 3:]).sum(-1).abs().clamp(max=1.0)
    return (pose[:, :3] - target[:, :3]).norm(dim=-1), 2.0 * cosine.acos()


def run(
    num_steps: int, seed: int = 0, setting: Setting = PUBLISHED, num_test: int = 512
) -> tuple[list[float], Report]:
    """Train, examine, print; returns the losses and the report."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net, losses = IdentityNet(setting.width), []
    for loss in train(net, setting, num_steps, generator):
        losses.append(loss)
        if len(losses) % 32 == 0:
            print(
                f"step {len(losses):5d}  Monte Carlo loss {sum(losses[-32:]) / 32:7.3f}", flush=True
            )
    report = examine(net, setting, num_test, torch.Generator().manual_seed(seed + 1))
    print(report_text(report))
    return losses, report


def report_text(report: Report) -> str:
    """Lines to print."""
    gap = report.evidence.gap
    gap = gap[gap.isfinite()]
    return (
        f"error from random starts  {report.translation_error:.3f} m  "
        f"{report.rotation_error:.3f} rad\n"
        f"spread of the image points  {report.spread:.2f}\n"
        f"same solution from random starts as from the truth  {report.same_solution:.0%}\n"
        f"evidence without the truth minus that in training  median {gap.median():+.2f} nats, "
        f"beyond 0.3 for {(gap.abs() > 0.3).float().mean():.0%}"
    )


# %%
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=256, help="training steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--delta-gradient", choices=DELTA_GRADIENTS, default=PUBLISHED.delta_gradient
    )
    parser.add_argument("--peaks", choices=PEAKS, default=PUBLISHED.peaks, help="samples around")
    options = parser.parse_args()
    run(options.steps, options.seed, Setting(options.delta_gradient, options.peaks))
