"""How the gradient of the Monte Carlo loss scatters with the number of samples."""

from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from epropnp import (
    AdaptiveHuberPnPCost,
    EProPnP4DoF,
    LMSolver,
    PerspectiveCamera,
    YawPose,
    monte_carlo_pose_loss,
)

TITLE = "Scatter of the gradient of the Monte Carlo loss"
SAMPLES = (16, 32, 64, 128, 256, 512)
REPEATS = 64
REFERENCE_SAMPLES = 16384
FOCAL, PIXELS = 700.0, 2.0  # focal length and deviation of the image points, pixels


class Objects(NamedTuple):
    """Objects of known pose with noisy matches: points (B, n, 3), pixels, weights (B, n, 2)."""

    x3d: Tensor
    x2d: Tensor
    w2d: Tensor
    pose: Tensor
    camera: PerspectiveCamera


def draw_objects(num: int = 32, points: int = 64, seed: int = 0) -> Objects:
    """Draw boxes of a car's size, 10 to 40 metres away, with weights of a sum that suits the noise.

    Each point says 1 / n of what a pixel says, as after a softmax; the scale makes the density of
    the pose as wide as the noise of the points asks for.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator)

    pose = torch.stack(
        (uniform(-8, 8, num), uniform(0, 2, num), uniform(10, 40, num), uniform(-3, 3, num)), -1
    )
    x3d = uniform(-0.5, 0.5, num, points, 3) * torch.tensor([4.5, 1.6, 1.9])
    points_cam = x3d @ YawPose().rotation_matrix(pose).mT + pose[:, None, :3]
    noise = PIXELS * torch.randn(num, points, 2, generator=generator)
    x2d = FOCAL * points_cam[..., :2] / points_cam[..., 2:] + noise
    camera = PerspectiveCamera().bind(torch.diag(torch.tensor([FOCAL, FOCAL, 1.0])))
    return Objects(x3d, x2d, torch.full_like(x2d, 1 / PIXELS), pose, camera)


def gradients(objects: Objects, samples: int, generator: torch.Generator) -> Tensor:
    """Gradients (B, 5 n) of the loss of each object by its object points and log weights."""
    x3d = objects.x3d.clone().requires_grad_()
    log_w2d = objects.w2d.log().requires_grad_()
    layer = EProPnP4DoF(samples, solver=LMSolver(dof=4, num_iter=10))
    result = layer.monte_carlo_forward(
        x3d,
        objects.x2d,
        log_w2d.exp(),
        objects.camera,
        AdaptiveHuberPnPCost(),
        pose_init=objects.pose,
        force_init_solve=False,
        generator=generator,
    )
    loss = monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target)
    found = torch.autograd.grad(loss.sum(), (x3d, log_w2d))
    return torch.cat([gradient.flatten(1) for gradient in found], dim=1)


def scatter(objects: Objects, samples: int, repeats: int, reference: Tensor) -> tuple[float, float]:
    """Standard deviation and bias of the gradient, by the length of the true one; medians.

    The bias is corrected for what remains of the scatter in a mean of so many repeats.
    """
    found = torch.stack(
        [gradients(objects, samples, torch.Generator().manual_seed(i)) for i in range(repeats)]
    )
    mean = found.mean(0)
    variance = (found - mean).square().sum((0, -1)) / (repeats - 1)
    length = reference.norm(dim=-1)
    bias = ((mean - reference).square().sum(-1) - variance / repeats).clamp(min=0).sqrt()
    return (variance.sqrt() / length).median().item(), (bias / length).median().item()


def measure(samples: tuple[int, ...] = SAMPLES, repeats: int = REPEATS) -> dict[str, Any]:
    """Deviation and bias at each number of samples, and the power of the samples they fall with."""
    objects = draw_objects()
    seeds = range(1000, 1004)
    reference = torch.stack(
        [
            gradients(objects, REFERENCE_SAMPLES, torch.Generator().manual_seed(seed))
            for seed in seeds
        ]
    ).mean(0)
    pairs = [scatter(objects, number, repeats, reference) for number in samples]
    deviation, bias = map(list, zip(*pairs, strict=True))
    logs = torch.tensor([[float(n), d] for n, d in zip(samples, deviation, strict=True)]).log()
    centered = logs - logs.mean(0)
    power = (centered[:, 0] @ centered[:, 1] / centered[:, 0].square().sum()).item()
    return {
        "samples": list(samples),
        "repeats": repeats,
        "objects": len(objects.pose),
        "deviation": deviation,
        "bias": bias,
        "power": power,
    }


def plot(measured: dict[str, Any], out: Path) -> None:
    """Deviation against samples, both logarithmic, beside the root of their number."""
    figure, axes = plt.subplots(figsize=(5, 3.5))
    samples, deviation = measured["samples"], measured["deviation"]
    root = [deviation[0] * (samples[0] / number) ** 0.5 for number in samples]
    axes.loglog(samples, deviation, "o-", label="standard deviation")
    axes.loglog(samples, root, "k:", label="one over the root of the samples")
    axes.set_xticks(samples, [str(number) for number in samples], minor=False)
    axes.set_xticks([], minor=True)
    axes.set(xlabel="samples of an object", ylabel="share of the gradient's length")
    axes.legend()
    axes.grid(alpha=0.3, which="both")
    figure.tight_layout()
    figure.savefig(out, dpi=110)
    plt.close(figure)
