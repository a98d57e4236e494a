"""Levenberg-Marquardt with all iterations of an object inside one call.

The rule is that of `epropnp.levenberg_marquardt`, step by step; only sums are taken in another
order. Several starts of an object are several items.
"""

from typing import NamedTuple

import numpy as np

from epropnp.backends.numba_cpu import algebraic
from epropnp.backends.numba_cpu.algebraic import accumulate_form
from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.backends.numba_cpu.normal_equations import accumulate, unpack
from epropnp.backends.numba_cpu.projection import clamp
from epropnp.backends.numba_cpu.triangular import cholesky

SCRATCH = 150 + algebraic.SCRATCH  # numbers of scratch memory of a minimisation
TINY_NORM = 1e-5  # a shorter quaternion has no direction, as in `normalize_quaternion`


class Region(NamedTuple):
    """The numbers of a `TrustRegion`, of the dtype of the arrays.

    Attributes:
        lowest, highest: clamp of the diagonal that scales the damping.
        decrease: share of the predicted fall at which a step is taken.
        start, largest: first and largest radius.
        eps: absolute damping, and smallest radius.
        rounding: relative rounding error of a cost.
        third: one third, the most by which a radius grows at once.
    """

    lowest: np.floating
    highest: np.floating
    decrease: np.floating
    start: np.floating
    largest: np.floating
    eps: np.floating
    rounding: np.floating
    third: np.floating


@inlined
def solve(matrix, vector, factor, out, dof):
    """Solve a positive definite system (D, D); zero, and False, where there is no solution."""
    if not cholesky(matrix, factor, dof):
        for row in range(dof):
            out[row] = vector.dtype.type(0)
        return False
    for row in range(dof):
        total = vector[row]
        for k in range(row):
            total -= factor[row, k] * out[k]
        out[row] = total / factor[row, row]
    for row in range(dof - 1, -1, -1):
        total = out[row]
        for k in range(row + 1, dof):
            total -= factor[k, row] * out[k]
        out[row] = total / factor[row, row]
    return True


@inlined
def retract(pose, step, out):
    """Write a pose (P,) moved by a tangent step (D,)."""
    for index in range(3):
        out[index] = pose[index] + step[index]
    if len(pose) == 4:
        out[3] = pose[3] + step[3]
        return
    w, i, j, k = pose[3], pose[4], pose[5], pose[6]
    a, b, c = step[3], step[4], step[5]
    q0 = w + (i * a + j * b + k * c)
    q1 = i + (-w * a - k * b + j * c)
    q2 = j + (k * a - w * b - i * c)
    q3 = k + (-j * a + i * b - w * c)
    squared = q0 * q0 + q1 * q1 + q2 * q2 + q3 * q3
    one = pose.dtype.type(1)
    if squared < pose.dtype.type(TINY_NORM * TINY_NORM):
        out[3], out[4], out[5], out[6] = one, 0, 0, 0
        return
    scale = one / np.sqrt(squared)
    out[3], out[4], out[5], out[6] = q0 * scale, q1 * scale, q2 * scale, q3 * scale


@inlined
def _damp(matrix, radius, region, out, dof):
    """Write the damped matrix (D, D)."""
    for row in range(dof):
        for column in range(dof):
            out[row, column] = matrix[row, column]
        scale = clamp(matrix[row, row], region.lowest, region.highest)
        out[row, row] = matrix[row, row] + (scale / radius + region.eps)


@inlined
def judge(system, trial, matrix, step, region, dof):
    """Ratio of actual to predicted fall (one if rounding hides both); whether to take the step."""
    zero, half = step.dtype.type(0), step.dtype.type(0.5)
    predicted = zero
    for row in range(dof):
        curved = zero
        for column in range(dof):
            curved += matrix[row, column] * step[column]
        predicted -= step[row] * (half * curved + system[1 + row])
    rounding = region.rounding * system[0]
    gain = (system[0] - trial[0]) / predicted
    if predicted <= rounding and trial[0] <= system[0] + rounding:
        gain = step.dtype.type(1)
    return gain, gain >= region.decrease and predicted > zero


@inlined
def resized(radius, shrink, gain, accepted, region):
    """Next radius after a step."""
    if not accepted:
        return clamp(radius, region.eps, region.largest) / shrink
    rest = gain + gain - np.float32(1)
    denominator = np.float32(1) - rest * rest * rest
    third = region.third
    denominator = third if denominator < third else denominator
    return clamp(radius / denominator, region.eps, region.largest)


@inlined
def attempt(at, pose, region, work, step, candidate, dof):
    """Write a damped step (D,) and the pose it leads to; ``at`` is system, matrix and radius."""
    system, matrix, radius = at
    damped, factor = work
    _damp(matrix, radius, region, damped, dof)
    solve(damped, system[1:], factor, step, dof)
    for row in range(dof):
        step[row] = -step[row]
    retract(pose, step, candidate)


def _minimizer(dof, of_points):
    """Kernel for a number of degrees of freedom, which the compiler unrolls its loops for.

    It takes `CostArrays` or, if not ``of_points``, `FormArrays`; the compiler drops the other way.
    """

    @kernel
    def minimize(first, last, scratch, cost, starts, num_iter, region, poses, values, matrices):
        """Poses (N, P) with values (N,) and matrices (N, D, D) after steps from starts (N, P)."""
        params = starts.shape[1]
        turn = scratch[:9].reshape((3, 3))
        factor = scratch[9 : 9 + dof * dof].reshape((dof, dof))
        damped = scratch[45 : 45 + dof * dof].reshape((dof, dof))
        step, candidate = scratch[81 : 81 + dof], scratch[87 : 87 + params]
        system, trial = scratch[94:122], scratch[122:150]
        rest = scratch[150:]
        two = starts.dtype.type(2)
        for item in range(first, last):
            obj = item % len(cost.tilt)
            pose, matrix = poses[item], matrices[item]
            for index in range(params):
                pose[index] = starts[item, index]
            if of_points:
                accumulate(cost, item % len(cost.points), obj, pose, turn, system)
            else:
                accumulate_form(cost, obj, pose, turn, rest, system)
            unpack(system, dof, matrix)
            radius, shrink = region.start, two
            for _ in range(num_iter):
                at = (system, matrix, radius)
                attempt(at, pose, region, (damped, factor), step, candidate, dof)
                if of_points:
                    accumulate(cost, item % len(cost.points), obj, candidate, turn, trial)
                else:
                    accumulate_form(cost, obj, candidate, turn, rest, trial)
                gain, accepted = judge(system, trial, matrix, step, region, dof)
                radius = resized(radius, shrink, gain, accepted, region)
                if accepted:
                    for index in range(params):
                        pose[index] = candidate[index]
                    system, trial = trial, system
                    unpack(system, dof, matrix)
                    shrink = two
                else:
                    shrink = shrink * two
            values[item] = system[0]

    return minimize


MINIMIZE = {dof: _minimizer(dof, True) for dof in (4, 6)}
MINIMIZE_FORM = {dof: _minimizer(dof, False) for dof in (4, 6)}
