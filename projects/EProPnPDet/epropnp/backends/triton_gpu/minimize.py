"""Levenberg-Marquardt with all iterations inside one program per object and start.

The rule is that of `epropnp.levenberg_marquardt`, step by step; only sums are taken in another
order.
"""

from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor

from epropnp.backends.triton_gpu.projection import read, read_view, write
from epropnp.backends.triton_gpu.shares import system_at
from epropnp.backends.triton_gpu.steps import damped_step, judged, moved, place, resized


class Setting(NamedTuple):
    """What is known when a kernel is compiled.

    Attributes:
        dof: degrees of freedom D, 4 or 6.
        clip_jacobian: a clipped coordinate has a zero derivative.
        block: points of a tile.
    """

    dof: int
    clip_jacobian: bool
    block: int


class Sizes(NamedTuple):
    """Numbers of objects B, of problems N and of points n."""

    objects: int
    problems: int
    points: int


class Minima(NamedTuple):
    """Poses (N, P), costs (N,) and matrices (N, D, D) that are written."""

    poses: Tensor
    costs: Tensor
    matrices: Tensor


@triton.jit(do_not_specialize=["num_iter"])
def minimize(
    cost, views, starts, sizes, num_iter, out, REGION: tl.constexpr, SETTING: tl.constexpr
):
    """`Minima` after so many steps from starts (N, P) with views (B, 24); a program each."""
    dof: tl.constexpr = SETTING.dof
    params: tl.constexpr = 4 if dof == 4 else 7
    item = tl.program_id(0).to(tl.int64)
    own, view = item % sizes.problems, read_view(views, item % sizes.objects)
    pose = read(starts + item * params, params)
    system = system_at(cost, own, view, pose, sizes.points, SETTING)
    radius = tl.full([], REGION.initial_trust_region_radius, system[0].dtype)
    shrink = tl.full([], 2.0, system[0].dtype)
    for _ in range(num_iter):
        step, predicted = damped_step(system, radius, REGION, dof)
        candidate = moved(pose, step, dof)
        trial = system_at(cost, own, view, candidate, sizes.points, SETTING)
        gain, accepted = judged(system[0], trial[0], predicted, REGION)
        pose = chosen(accepted, candidate, pose)
        system = chosen(accepted, trial, system)
        radius, shrink = resized(radius, shrink, gain, accepted, REGION)
    write(out.poses + item * params, pose)
    tl.store(out.costs + item, system[0])
    write_symmetric(out.matrices + item * dof * dof, system, dof)


@triton.jit
def chosen(first, left, right):
    """Numbers of the left, or else of the right."""
    numbers = ()
    for i in tl.static_range(len(left)):
        numbers = numbers + (tl.where(first, left[i], right[i]),)
    return numbers


@triton.jit
def write_symmetric(pointer, system, DOF: tl.constexpr):
    """Write the matrix (D, D) of a system."""
    for row in tl.static_range(DOF):
        for column in tl.static_range(row + 1):
            entry = system[1 + DOF + place(row, column)]
            tl.store(pointer + row * DOF + column, entry)
            tl.store(pointer + column * DOF + row, entry)
