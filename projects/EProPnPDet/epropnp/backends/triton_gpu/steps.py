"""Steps of Levenberg-Marquardt, by the rule of `epropnp.levenberg_marquardt`.

The Cholesky factor of a system is written out, with the gradient as one more row.
"""

from typing import NamedTuple

import triton
import triton.language as tl

from epropnp.backends.triton_gpu.projection import clamp

TINY_NORM_SQUARE = tl.constexpr(1e-10)  # of a quaternion without direction


class Region(NamedTuple):
    """The numbers of a `TrustRegion`, and the relative rounding error of a cost."""

    min_lm_diagonal: float
    max_lm_diagonal: float
    min_relative_decrease: float
    initial_trust_region_radius: float
    max_trust_region_radius: float
    eps: float
    rounding: float


@triton.constexpr_function
def place(row, column):
    """Place of an entry in a lower triangle that is stored row by row."""
    row, column = max(row, column), min(row, column)
    return row * (row + 1) // 2 + column


@triton.jit
def factorized(system, radius, REGION: tl.constexpr, DOF: tl.constexpr):
    """Factor of the damped matrix: lower triangle row by row, the reduced gradient as last row.

    The diagonal holds one over the roots of the pivots.
    """
    factor = ()
    for row in tl.static_range(DOF):
        for column in tl.static_range(row + 1):
            entry = system[1 + DOF + place(row, column)]
            if row == column:
                scale = clamp(entry, REGION.min_lm_diagonal, REGION.max_lm_diagonal)
                entry = entry + (scale / radius + REGION.eps)
            entry = reduced(entry, factor, row, column)
            if row == column:
                factor = factor + (1.0 / tl.sqrt(entry),)
            else:
                factor = factor + (entry * factor[place(column, column)],)
    for column in tl.static_range(DOF):
        entry = reduced(system[1 + column], factor, DOF, column)
        factor = factor + (entry * factor[place(column, column)],)
    return factor


@triton.jit
def reduced(entry, factor, ROW: tl.constexpr, COLUMN: tl.constexpr):
    """An entry less the product of two rows of the factor, up to the column of the entry."""
    for k in tl.static_range(COLUMN):
        entry -= factor[place(ROW, k)] * factor[place(COLUMN, k)]
    return entry


@triton.jit
def damped_step(system, radius, REGION: tl.constexpr, DOF: tl.constexpr):
    """Step (D numbers) and the fall of the cost that it predicts.

    A system without a solution gives numbers that are not finite, and no such step is taken.
    """
    factor = factorized(system, radius, REGION, DOF)
    step = ()
    for i in tl.static_range(DOF):  # from the last number to the first
        total = -factor[place(DOF, DOF - 1 - i)]
        for k in tl.static_range(i):
            total -= factor[place(DOF - i + k, DOF - 1 - i)] * step[k]
        step = (total * factor[place(DOF - 1 - i, DOF - 1 - i)],) + step
    predicted = 0.0 * radius
    for row in tl.static_range(DOF):
        curved = 0.0 * radius
        for column in tl.static_range(DOF):
            curved += system[1 + DOF + place(row, column)] * step[column]
        predicted -= step[row] * (system[1 + row] + 0.5 * curved)
    return step, predicted


@triton.jit
def moved(pose, step, DOF: tl.constexpr):
    """A pose moved by a tangent step."""
    place = (pose[0] + step[0], pose[1] + step[1], pose[2] + step[2])
    if DOF == 4:
        turned = (pose[3] + step[3],)
    else:
        w, i, j, k = pose[3], pose[4], pose[5], pose[6]
        a, b, c = step[3], step[4], step[5]
        turned = unit(
            w + (i * a + j * b + k * c),
            i + (-w * a - k * b + j * c),
            j + (k * a - w * b - i * c),
            k + (-j * a + i * b - w * c),
        )
    return place + turned


@triton.jit
def unit(w, i, j, k):
    """Quaternion of unit length; one too short to have a direction becomes the identity."""
    squared = w * w + i * i + j * j + k * k
    short = squared < TINY_NORM_SQUARE
    scale = tl.where(short, 0.0, 1.0 / tl.sqrt(tl.where(short, 1.0, squared)))
    return tl.where(short, 1.0, w * scale), i * scale, j * scale, k * scale


@triton.jit
def judged(value, trial, predicted, REGION: tl.constexpr):
    """Ratio of actual to predicted fall (one if rounding hides both); whether to take the step."""
    rounding = REGION.rounding * value
    hidden = (predicted <= rounding) & (trial <= value + rounding)
    gain = tl.where(hidden, 1.0, (value - trial) / predicted)
    return gain, (gain >= REGION.min_relative_decrease) & (predicted > 0.0)


@triton.jit
def resized(radius, shrink, gain, accepted, REGION: tl.constexpr):
    """Next radius after a step, and by how much the next refusal divides it."""
    rest = gain + gain - 1.0
    denominator = 1.0 - rest * rest * rest
    denominator = tl.where(denominator < 1.0 / 3.0, 1.0 / 3.0, denominator)
    grown = tl.where(accepted, radius / denominator, radius)
    grown = clamp(grown, REGION.eps, REGION.max_trust_region_radius)
    return tl.where(accepted, grown, grown / shrink), tl.where(accepted, 2.0, 2.0 * shrink)
