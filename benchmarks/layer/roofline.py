"""How near the two kernels that project every point at every pose come to the machine's limit."""

import math
import time
from collections.abc import Callable

import torch

from epropnp import HuberPnPCost
from epropnp.problem import build_problem
from epropnp.solvers import pose_manifold
from layer.contender import Contender
from layer.timing import Metric, milliseconds, wait_for

# Operations per point and pose, counted in the kernels' source; a division or a root counts as one.
OPERATIONS = {"sample costs": 40, "gradient of sample costs": 75}
POSES = 512
BYTES_PER_POINT = 28  # seven float32 numbers, read once per object from memory


def roofline_metrics(contender: Contender) -> list[Metric]:
    """Measured peak of arithmetic and of memory, and what share of it the kernels reach."""
    data, backend = contender.scene(6, 32, 4096), contender.backend
    manifold = pose_manifold(6, data.camera)
    cost = build_problem(*data.correspondences, HuberPnPCost(1.0), manifold).cost
    poses = data.pose.expand(POSES, -1, -1).contiguous()
    weights = poses.new_ones(POSES, 32)
    names = ["points_obj", "points_2d", "weights", "kernel.delta"]
    work = POSES * 32 * 4096
    with torch.no_grad():
        calls = {
            "sample costs": lambda: backend.values(cost, poses),
            "gradient of sample costs": lambda: backend.weighted_gradient(
                cost, poses, weights, names
            ),
        }
        times = {kernel: milliseconds(call, contender.device)[0] for kernel, call in calls.items()}
    peak, bandwidth = peak_operations(contender.device), peak_bandwidth(contender.device)
    reached = {kernel: OPERATIONS[kernel] * work / spent / 1e6 for kernel, spent in times.items()}
    found = [
        Metric(
            "roofline | measured peak of float32 multiply-adds", peak, "GFLOP/s", 0.0, None, 1e9
        ),
        Metric("roofline | measured bandwidth of a copy", bandwidth, "GB/s", 0.0, None, 1e9),
    ]
    for kernel, speed in reached.items():
        share = f"{100 * speed / peak:.0f} % of the peak"
        label = f"roofline | 6DoF 32 x 4096 x 512 {kernel} | {contender.name}"
        found.append(Metric(label, speed, "GFLOP/s", 0.0, share, math.inf))
    for metric in found:
        print(f"{metric.name:64s} {metric.value:10.1f} {metric.unit} {metric.error or ''}")
    return found


def peak_operations(device: torch.device) -> float:
    """GFLOP/s of a large float32 matrix product, in as many threads as torch uses."""
    size = 8192 if device.type == "cuda" else 2048
    matrix = torch.randn(size, size, device=device)
    best = min(_seconds(lambda: matrix @ matrix, device) for _ in range(5))
    return 2 * size**3 / best / 1e9


def peak_bandwidth(device: torch.device) -> float:
    """GB/s read and written by a copy that fits in no cache."""
    source = torch.zeros(2**28 if device.type == "cuda" else 2**26, device=device)
    target = torch.ones_like(source)
    best = min(_seconds(lambda: target.copy_(source), device) for _ in range(5))
    return 2 * source.nbytes / best / 1e9


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    begin = time.perf_counter()
    call()
    wait_for(device)
    return time.perf_counter() - begin
