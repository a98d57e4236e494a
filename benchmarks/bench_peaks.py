"""What sampling around several peaks costs: a training step of the layer with one peak and more.

    python benchmarks/bench_peaks.py [--backend eager]

Forward and backward of the Monte Carlo loss from random starts and the true pose, median of several
steps, which take turns.
"""

import argparse
import statistics
import time

import torch
from torch import Tensor

from epropnp import (
    BestPeak,
    DistinctPeaks,
    EProPnP4DoF,
    EProPnP6DoF,
    HuberPnPCost,
    PerspectiveCamera,
    QuatPose,
    YawPose,
    monte_carlo_pose_loss,
)
from epropnp.backends import set_default_backend

CASES = ((4, 48, 128, 128), (4, 288, 128, 128), (6, 32, 512, 512))  # dof, objects, points, samples
PEAKS = {"one": BestPeak(), "two": DistinctPeaks(2), "three": DistinctPeaks(3)}


def make(dof: int, objects: int, points: int) -> tuple[tuple, Tensor]:
    """Correspondences with noise of two pixels, and true poses."""
    generator = torch.Generator().manual_seed(0)
    manifold = YawPose() if dof == 4 else QuatPose()
    pose = manifold.identity(torch.zeros(())).repeat(objects, 1)
    pose[:, 2] = 10.0
    pose[:, 3:] = manifold.random_rotation((objects,), pose, generator)
    x3d = torch.randn(objects, points, 3, generator=generator)
    camera = PerspectiveCamera().bind(torch.tensor([[900.0, 0, 420], [0, 900, 310], [0, 0, 1]]))
    x2d = camera.project(x3d @ manifold.rotation_matrix(pose).mT + pose[:, None, :3])
    x2d = x2d + 2.0 * torch.randn(x2d.shape, generator=generator)
    leaves = [tensor.requires_grad_() for tensor in (x3d, x2d, torch.full_like(x2d, 0.5))]
    return (*leaves, camera, HuberPnPCost(3.0)), pose


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--backend", choices=("auto", "eager", "numba"), default="auto")
    options = parser.parse_args()
    set_default_backend(options.backend)
    print("ms per step, by the number of peaks")
    for dof, objects, points, samples in CASES:
        inputs, pose = make(dof, objects, points)
        layer_type = EProPnP4DoF if dof == 4 else EProPnP6DoF
        layers = {name: layer_type(samples, peaks=peaks) for name, peaks in PEAKS.items()}
        times: dict[str, list[float]] = {name: [] for name in PEAKS}
        for _ in range(options.repeat + 1):
            for name, layer in layers.items():
                begin = time.perf_counter()
                result = layer.monte_carlo_forward(*inputs, pose_init=pose)
                loss = monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target)
                loss.sum().backward()
                times[name].append(1e3 * (time.perf_counter() - begin))
        medians = "  ".join(f"{k} {statistics.median(v[1:]):7.1f}" for k, v in times.items())
        print(f"{dof}DoF, {objects} objects, {points} points, {samples} samples:  {medians}")


if __name__ == "__main__":
    main()
