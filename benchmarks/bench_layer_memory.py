"""Peak memory of one training step of the layer against samples and points.

    python benchmarks/bench_layer_memory.py [--json memory.json]

Each row runs forward and backward of the Monte Carlo loss in a process of its own and reports how
far the peak of its memory rises above that of a tiny step: once with the layer's evaluation, which
keeps no graph per sample, and once with plain autograd over all samples. The first stays a small
multiple of inputs plus samples; the second grows with their product.
"""

import argparse
import json
import resource
import subprocess
import sys
from dataclasses import dataclass

import torch

from epropnp import (
    EagerBackend,
    EProPnP6DoF,
    HuberPnPCost,
    LMSolver,
    PerspectiveCamera,
    monte_carlo_pose_loss,
)

NUM_OBJECTS = 4
GRID = [(128, 512), (512, 512), (2048, 512), (512, 128), (512, 2048), (2048, 4096)]
BASE = (16, 16)  # samples and points of the tiny step
KINDS = ("recomputed", "plain graph")
LIMIT = 8_000_000  # samples x points x objects beyond which the plain graph is left out


@dataclass(frozen=True)
class PlainBackend(EagerBackend):
    """Evaluation that keeps the graph of every sample, for comparison."""

    def attach(self, cost, poses, values):
        """Costs (S, B) again, with their graph."""
        return cost.value(poses)


def training_step(kind: str, samples: int, points: int) -> float:
    """Run one step and return the largest gradient, so that nothing can be skipped."""
    generator = torch.Generator().manual_seed(0)
    x3d = torch.randn(NUM_OBJECTS, points, 3, generator=generator)
    pose = torch.tensor([0.0, 0.0, 8.0, 1.0, 0.0, 0.0, 0.0]).repeat(NUM_OBJECTS, 1)
    cam_mats = torch.tensor([[800.0, 0, 320], [0, 800, 240], [0, 0, 1]]).repeat(NUM_OBJECTS, 1, 1)
    camera = PerspectiveCamera().bind(cam_mats)
    x2d = camera.project(x3d + pose[:, None, :3])
    w2d = torch.full_like(x2d, 1.0 / points)
    inputs = [tensor.requires_grad_() for tensor in (x3d, x2d, w2d)]
    layer = EProPnP6DoF(
        samples,
        solver=LMSolver(dof=6, num_iter=3),
        backend=PlainBackend() if kind == "plain graph" else None,
    )
    result = layer.monte_carlo_forward(*inputs, camera, HuberPnPCost(1.0), pose)
    monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target).sum().backward()
    return max(tensor.grad.abs().max().item() for tensor in inputs)


def peak_megabytes(kind: str, samples: int, points: int) -> float:
    """Peak resident memory of a process that runs one step, MB."""
    command = [sys.executable, __file__, "--single", kind, str(samples), str(points)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure() -> list[dict]:
    """One record per grid point."""
    rows = []
    base = {kind: peak_megabytes(kind, *BASE) for kind in KINDS}
    for samples, points in GRID:
        row = {"samples": samples, "points": points}
        for kind in KINDS:
            if kind == "plain graph" and samples * points * NUM_OBJECTS > LIMIT:
                row[kind] = None
                continue
            row[kind] = peak_megabytes(kind, samples, points) - base[kind]
        rows.append(row)
        cells = ("      left out" if row[k] is None else f"{row[k]:14.1f}" for k in KINDS)
        print(f"{samples:8d} {points:8d}" + "".join(cells), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="write the rows to this file")
    parser.add_argument("--single", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.single:
        kind, samples, points = arguments.single
        torch.set_num_threads(1)
        training_step(kind, int(samples), int(points))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    print(f"rise of peak memory in MB, {NUM_OBJECTS} objects, float32")
    print(f"{'samples':>8s} {'points':>8s}" + "".join(f"{kind:>14s}" for kind in KINDS))
    rows = measure()
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"objects": NUM_OBJECTS, "torch": torch.__version__, "rows": rows}, file)


if __name__ == "__main__":
    main()
