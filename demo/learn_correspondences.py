# %% [markdown]
# # Correspondences from nothing but poses
#
# A small convolutional network looks at toy images of one coloured object. For every cell of the
# image it guesses which point of the object it sees and how sure it is. Nobody tells it: only the
# true pose of each image is known. The Monte Carlo pose loss teaches coordinates, weights and scale
# together, and the pose density of an image it never trained on sharpens around the truth.
#
#     python demo/learn_correspondences.py --out density.png
#
# Takes about three minutes on one CPU core. Open it as a notebook to run it cell by cell.

# %%
"""Learn 2D-3D correspondences from poses alone and plot the pose density as it sharpens."""

import argparse
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from epropnp import (
    AdaptiveHuberPnPCost,
    EProPnP4DoF,
    LMSolver,
    MonteCarloPoseLoss,
    PerspectiveCamera,
    RSLMSolver,
    YawPose,
)
from epropnp.marginals import GroundDensity, YawDensity, ground_density, yaw_density
from epropnp.posterior import PoseDistribution, pose_distribution

CELLS, STRIDE, FOCAL = 16, 6.0, 200.0  # cells per side, pixels per cell, pixels

# %% [markdown]
# ## A toy world
# The object is a box of coloured points. An image is the window of 16 x 16 cells around it; each
# cell holds the colour of the nearest points that fall near it. Windows are off centre at random.


# %%
class Views(NamedTuple):
    """A batch of views.

    Attributes:
        images: (B, 4, 16, 16) colour and coverage.
        x2d: (B, 256, 2) centres of the cells, pixels of the full image.
        pose: (B, 4) true poses.
        camera: bound camera.
    """

    images: Tensor
    x2d: Tensor
    pose: Tensor
    camera: PerspectiveCamera


def make_object(num: int = 300) -> tuple[Tensor, Tensor]:
    """Points (k, 3) on the surface of a box of 1.8 x 1 x 0.9 metres, and colours (k, 3)."""
    generator = torch.Generator().manual_seed(1)
    unit = torch.rand(num, 3, generator=generator) - 0.5
    axis = torch.randint(3, (num, 1), generator=generator)
    unit.scatter_(1, axis, 0.5 * unit.gather(1, axis).sign())  # onto one of the faces
    colours = 0.5 + 0.5 * torch.sin(unit @ torch.tensor([[7.0, 2, 0], [0, 5, 4], [3, 0, 7]]))
    return unit * torch.tensor([1.8, 1.0, 0.9]), colours


def render(batch: int, generator: torch.Generator) -> Views:
    """Draw views of the object from random poses."""
    low = torch.tensor([-1.0, -0.3, 4.0, -torch.pi])
    high = torch.tensor([1.0, 0.3, 6.0, torch.pi])
    pose = low + (high - low) * torch.rand(batch, 4, generator=generator)
    points_obj, colours = make_object()
    points_cam = points_obj @ YawPose().rotation_matrix(pose).mT + pose[:, None, :3]
    pixels = FOCAL * points_cam[..., :2] / points_cam[..., 2:]

    shift = STRIDE * (torch.rand(batch, 1, 2, generator=generator) - 0.5) * 4
    center = (FOCAL * pose[:, None, :2] / pose[:, None, 2:3] + shift).round()
    line = (torch.arange(CELLS) - (CELLS - 1) / 2) * STRIDE
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1).view(1, -1, 2)
    x2d = center + grid

    squared = torch.cdist(x2d, pixels).square()
    nearness = points_cam[..., 2].amin(1, keepdim=True) - points_cam[..., 2]
    share = torch.exp(-squared / STRIDE**2 + 6 * nearness.unsqueeze(1))
    coverage = torch.exp(-squared.amin(-1, keepdim=True) / (2 * STRIDE**2))
    colour = (share @ colours) / share.sum(-1, keepdim=True).clamp(min=1e-9)
    images = torch.cat((colour * coverage, coverage), dim=-1).mT.unflatten(-1, (CELLS, CELLS))
    camera = PerspectiveCamera().bind(torch.diag(torch.tensor([FOCAL, FOCAL, 1.0])))
    return Views(images, x2d, pose, camera)


# %% [markdown]
# ## The network
# Coordinates and weight logits per cell, one scale per axis and image. The softmax says which cells
# matter, the scale how sure the image is; see `docs/layer.md`.


# %%
class CorrespondenceNet(nn.Module):
    """Image to object points x3d and weights w2d."""

    def __init__(self, width: int = 48):
        super().__init__()
        layers: list[nn.Module] = []
        channels = 4
        for dilation in (1, 2, 3, 1):
            layers += [
                nn.Conv2d(channels, width, 3, padding=dilation, dilation=dilation),
                nn.GroupNorm(4, width),
                nn.ReLU(),
            ]
            channels = width
        self.body = nn.Sequential(*layers)
        self.points = nn.Conv2d(width, 5, 1)
        self.scale = nn.Linear(width, 2)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Points (B, n, 3), weights (B, n, 2) and scales (B, 1, 2)."""
        features = self.body(images)
        coordinates, logits = self.points(features).flatten(2).mT.split((3, 2), dim=-1)
        scale = self.scale(features.mean((2, 3))).exp().unsqueeze(1)
        return coordinates, logits.softmax(1) * scale, scale


# %% [markdown]
# ## Training
# The true pose is one of the starts of the solver. No loss on coordinates, weights or masks exists.


# %%
class Snapshot(NamedTuple):
    """Pose density of one image at one time of the training."""

    step: int
    yaw: YawDensity
    ground: GroundDensity


class History(NamedTuple):
    """What happened during training: one number per step or check, and densities."""

    losses: list[float]
    errors: list[float]
    entropies: list[float]
    snapshots: list[Snapshot]


def look(net: CorrespondenceNet, layer: EProPnP4DoF, views: Views) -> PoseDistribution:
    """Pose distribution of unseen views, from the image alone."""
    with torch.no_grad():
        x3d, w2d, _ = net(views.images)
    generator = torch.Generator().manual_seed(2)
    return pose_distribution(
        layer, x3d, views.x2d, w2d, views.camera, AdaptiveHuberPnPCost(), generator=generator
    )


def check(
    history: History, step: int, net: CorrespondenceNet, layer: EProPnP4DoF, test: Views
) -> None:
    """Note error, entropy and the density of the first test view."""
    poses = look(net, layer, test)
    history.errors.append((poses.pose_opt - test.pose)[:, :3].norm(dim=-1).median().item())
    history.entropies.append(poses.entropy.median().item())
    x, z = (test.pose[:, i : i + 1] + torch.linspace(-1, 1, 81) for i in (0, 2))
    history.snapshots.append(Snapshot(step, yaw_density(poses), ground_density(poses, x=x, z=z)))


def train(steps: int, num_checks: int = 6) -> tuple[History, Views]:
    """Train on fresh views and look at the same few test views now and then."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(3)
    net, loss_fun = CorrespondenceNet(), MonteCarloPoseLoss(init_norm_factor=1.0, momentum=0.05)
    start = RSLMSolver(num_points=8, num_proposals=16)
    layer = EProPnP4DoF(mc_samples=128, solver=LMSolver(num_iter=5, init_solver=start))
    reader = EProPnP4DoF(mc_samples=1024, solver=layer.solver)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    test = render(8, torch.Generator().manual_seed(4))
    history = History([], [], [], [])
    checks = {round(steps * (i / (num_checks - 1)) ** 2) for i in range(num_checks)}
    for step in range(steps + 1):
        if step in checks:
            check(history, step, net, reader, test)
        if step == steps:
            break
        views = render(16, generator)
        x3d, w2d, scale = net(views.images)
        result = layer.monte_carlo_forward(
            x3d, views.x2d, w2d, views.camera, AdaptiveHuberPnPCost(), pose_init=views.pose
        )
        loss = loss_fun(result.pose_sample_logweights, result.cost_target, scale.detach())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        optimizer.step()
        schedule.step()
        nats = result.cost_target + result.pose_sample_logweights.logsumexp(0)
        history.losses.append(nats.detach().mean().item())
    return history, test


# %% [markdown]
# ## The density sharpens
# Above: heading of one test image; below: its position seen from above. The cross is the truth.


# %%
def plot(history: History, test: Views, out: Path) -> None:
    """Draw loss, and the densities of the first test view, into an image file."""
    columns = len(history.snapshots)
    figure, axes = plt.subplots(2, columns + 1, figsize=(2.6 * (columns + 1), 5.2))
    axes[0, 0].plot(history.losses, linewidth=0.5)
    axes[0, 0].set(title="loss, nats", xlabel="step")
    steps = [snapshot.step for snapshot in history.snapshots]
    axes[1, 0].semilogy(steps, history.errors, marker="o")
    axes[1, 0].set(title="median position error, m", xlabel="step")
    x_true, _, z_true, yaw_true = test.pose[0].tolist()
    for column, snapshot in enumerate(history.snapshots, start=1):
        top, bottom = axes[:, column]
        top.fill_between(snapshot.yaw.yaw.rad2deg(), snapshot.yaw.density[0], alpha=0.6)
        top.axvline(torch.tensor(yaw_true).rad2deg().item(), color="k", linestyle=":")
        top.set(title=f"step {snapshot.step}", xlabel="heading, degrees", yticks=[])
        x, z, density = (field[0] for field in snapshot.ground)
        bottom.pcolormesh(x, z, density, cmap="magma_r", shading="auto")
        bottom.plot(x_true, z_true, "c+", markersize=12)
        bottom.set(xlabel="x, m", ylabel="z, m" if column == 1 else "", aspect="equal")
    figure.tight_layout()
    figure.savefig(out, dpi=110)
    plt.close(figure)


def run(steps: int, out: Path) -> History:
    """Train, plot, and return what happened."""
    history, test = train(steps)
    plot(history, test, out)
    return history


# %%
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600, help="training steps")
    parser.add_argument("--out", type=Path, default=Path("density.png"), help="image file")
    options = parser.parse_args()
    result = run(options.steps, options.out)
    for snapshot, error, entropy in zip(
        result.snapshots, result.errors, result.entropies, strict=True
    ):
        print(f"step {snapshot.step:5d}  median error {error:6.3f} m  entropy {entropy:7.2f} nats")
    print(f"densities drawn in {options.out}")
