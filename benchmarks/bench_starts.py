"""Where starts lead: linear start against random subsets, on problems with known poses.

    python benchmarks/bench_starts.py [--objects 512] [--points 64] [--backend eager]

Prints, for every kind of problem and both kinds of pose, the share of objects whose cost after five
Levenberg-Marquardt steps is within one per cent of the best known, and the time of the start. The
best known cost is the lowest that thirty steps reach from any of the starts, or from the truth.
"""

import argparse
import statistics
import time
from typing import NamedTuple

import torch
from torch import Tensor

from epropnp import HuberPnPCost, PerspectiveCamera, QuatPose, ReprojectionCost, RSLMSolver, YawPose
from epropnp.backends import Backend, default_backend, set_default_backend
from epropnp.levenberg_marquardt import TrustRegion
from epropnp.linear_start import LinearStart
from epropnp.problem import build_problem

KINDS = ("clean", "noisy", "outliers", "clipped")
STARTS = {
    "random subsets, 64": RSLMSolver(),
    "random subsets, 16": RSLMSolver(num_proposals=16),
    "random subsets, 8": RSLMSolver(num_proposals=8),
    "linear": LinearStart(),
    "linear and 8 subsets": LinearStart(beside=RSLMSolver(num_proposals=8)),
}
INTRINSICS = torch.tensor([[900.0, 0, 420], [0, 900, 310], [0, 0, 1]])
HEIGHT, WIDTH = 620, 840
FLOOR = 1e-3  # nats; of costs that are zero but for rounding, one per cent means nothing


class Made(NamedTuple):
    """A problem and the true poses."""

    cost: ReprojectionCost
    pose: Tensor


def draw_poses(dof: int, num: int, depth: float, generator: torch.Generator) -> Tensor:
    normal = torch.randn(num, 7, generator=generator)
    place = normal[:, :3].clamp(-1.5, 1.5) * torch.tensor([1.2, 0.7, 0.2 * depth])
    place[:, 2] += depth
    if dof == 4:
        return torch.cat((place, 2 * normal[:, 3:4]), dim=1)
    return torch.cat((place, torch.nn.functional.normalize(normal[:, 3:], dim=1)), dim=1)


def make(kind: str, dof: int, num: int, points: int, seed: int = 0) -> Made:
    """Objects of about two metres, 12 metres away; 2 metres where points are to be clipped.

    Noise is normal, of 2 pixels (none in "clean"); of "outliers" 20 % lie anywhere in the image.
    """
    generator = torch.Generator().manual_seed(seed)
    manifold = YawPose() if dof == 4 else QuatPose()
    pose = draw_poses(dof, num, 2.0 if kind == "clipped" else 12.0, generator)
    size = torch.tensor([1.5, 0.7, 0.8])
    x3d = size * torch.randn(num, points, 3, generator=generator)
    camera = PerspectiveCamera().bind(INTRINSICS, torch.tensor([HEIGHT, WIDTH]))
    x2d = camera.project(x3d @ manifold.rotation_matrix(pose).mT + pose[:, None, :3])
    sigma = 0.0 if kind == "clean" else 2.0
    x2d = x2d + sigma * torch.randn(x2d.shape, generator=generator)
    if kind == "outliers":
        anywhere = torch.rand(x2d.shape, generator=generator) * torch.tensor([WIDTH, HEIGHT])
        wrong = torch.rand(num, points, 1, generator=generator) < 0.2
        x2d = torch.where(wrong, anywhere, x2d)
    w2d = torch.full_like(x2d, 0.5)
    problem = build_problem(x3d, x2d, w2d, camera, HuberPnPCost(3.0), manifold)
    return Made(problem.cost, pose)


def compare(made: Made, repeat: int, backend: Backend) -> dict[str, tuple[float, float]]:
    """Share of objects at the best known cost, and milliseconds of the start, by its name."""
    rule = TrustRegion()
    best = backend.minimize(made.cost, made.pose, 30, rule).cost
    reached, times = {}, {}
    for name, start in STARTS.items():
        spent = []
        for _ in range(repeat):
            begin = time.perf_counter()
            pose, _ = start(made.cost, torch.Generator().manual_seed(1), rule, backend).best()
            spent.append(1e3 * (time.perf_counter() - begin))
        times[name] = statistics.median(spent)
        reached[name] = backend.minimize(made.cost, pose, 5, rule).cost
        best = torch.minimum(best, backend.minimize(made.cost, pose, 30, rule).cost)
    return {
        name: ((value <= 1.01 * best + FLOOR).float().mean().item(), times[name])
        for name, value in reached.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=512)
    parser.add_argument("--points", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=3, help="timings, of which the median counts")
    parser.add_argument("--backend", choices=("auto", "eager", "numba"), default="auto")
    options = parser.parse_args()
    set_default_backend(options.backend)
    backend = default_backend()
    print(f"{options.objects} objects, {options.points} points: share within 1 %, ms of the start")
    for dof in (4, 6):
        for kind in KINDS:
            made = make(kind, dof, options.objects, options.points)
            for name, (share, spent) in compare(made, options.repeat, backend).items():
                print(f"{dof}DoF  {kind:8s}  {name:22s}  {share:7.1%}  {spent:8.1f}")


if __name__ == "__main__":
    main()
