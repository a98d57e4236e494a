"""Steps of Levenberg-Marquardt: numbers in, numbers out, without a branch.

The rule is that of `epropnp.levenberg_marquardt`. A system is a tuple: value, gradient, and the
lower triangle of the Gauss-Newton matrix row by row. Small Cholesky factors are written out, with
the right-hand side as one more row, so that the compiler keeps them in registers, for one problem
or for one in each vector lane.
"""

from typing import NamedTuple

import numpy as np

from epropnp.backends.numba_cpu.compiled import inlined
from epropnp.backends.numba_cpu.projection import clamp

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
def _damped(diagonal, radius, region):
    scale = clamp(diagonal, region.lowest, region.highest)
    return diagonal + (scale / radius + region.eps)


@inlined
def _sound(pivot, dtype):
    """Whether a pivot has a root and an inverse."""
    return (pivot > dtype(0)) & (pivot < dtype(np.inf))


@inlined
def yaw_step(system, radius, region, dtype):
    """Damped step (4 numbers), zero where there is none, and the fall of the cost it predicts."""
    zero, one, half = dtype(0), dtype(1), dtype(0.5)
    _, g0, g1, g2, g3, h00, h10, h11, h20, h21, h22, h30, h31, h32, h33 = system
    p0 = _damped(h00, radius, region)
    i0 = one / np.sqrt(p0)
    a1, a2, a3, b0 = h10 * i0, h20 * i0, h30 * i0, g0 * i0
    p1 = _damped(h11, radius, region) - a1 * a1
    i1 = one / np.sqrt(p1)
    c2, c3, b1 = (h21 - a2 * a1) * i1, (h31 - a3 * a1) * i1, (g1 - a1 * b0) * i1
    p2 = _damped(h22, radius, region) - a2 * a2 - c2 * c2
    i2 = one / np.sqrt(p2)
    d3, b2 = (h32 - a3 * a2 - c3 * c2) * i2, (g2 - a2 * b0 - c2 * b1) * i2
    p3 = _damped(h33, radius, region) - a3 * a3 - c3 * c3 - d3 * d3
    i3 = one / np.sqrt(p3)
    s3 = -(g3 - a3 * b0 - c3 * b1 - d3 * b2) * i3 * i3
    s2 = (-b2 - d3 * s3) * i2
    s1 = (-b1 - c2 * s2 - c3 * s3) * i1
    s0 = (-b0 - a1 * s1 - a2 * s2 - a3 * s3) * i0
    good = _sound(p0, dtype) & _sound(p1, dtype) & _sound(p2, dtype) & _sound(p3, dtype)
    s0, s1 = s0 if good else zero, s1 if good else zero
    s2, s3 = s2 if good else zero, s3 if good else zero
    predicted = -s0 * (g0 + half * (h00 * s0 + h10 * s1 + h20 * s2 + h30 * s3))
    predicted -= s1 * (g1 + half * (h10 * s0 + h11 * s1 + h21 * s2 + h31 * s3))
    predicted -= s2 * (g2 + half * (h20 * s0 + h21 * s1 + h22 * s2 + h32 * s3))
    predicted -= s3 * (g3 + half * (h30 * s0 + h31 * s1 + h32 * s2 + h33 * s3))
    return (s0, s1, s2, s3), predicted


@inlined
def quaternion_step(system, radius, region, dtype):
    """Damped step (6 numbers), zero where there is none, and the fall of the cost it predicts."""
    zero, one, half = dtype(0), dtype(1), dtype(0.5)
    _, g0, g1, g2, g3, g4, g5, h00, h10, h11, h20, h21, h22, h30, h31, h32, h33 = system[:17]
    h40, h41, h42, h43, h44, h50, h51, h52, h53, h54, h55 = system[17:]
    p0 = _damped(h00, radius, region)
    i0 = one / np.sqrt(p0)
    a1, a2, a3, a4, a5, b0 = h10 * i0, h20 * i0, h30 * i0, h40 * i0, h50 * i0, g0 * i0
    p1 = _damped(h11, radius, region) - a1 * a1
    i1 = one / np.sqrt(p1)
    c2, c3 = (h21 - a2 * a1) * i1, (h31 - a3 * a1) * i1
    c4, c5, b1 = (h41 - a4 * a1) * i1, (h51 - a5 * a1) * i1, (g1 - a1 * b0) * i1
    p2 = _damped(h22, radius, region) - a2 * a2 - c2 * c2
    i2 = one / np.sqrt(p2)
    d3, d4 = (h32 - a3 * a2 - c3 * c2) * i2, (h42 - a4 * a2 - c4 * c2) * i2
    d5, b2 = (h52 - a5 * a2 - c5 * c2) * i2, (g2 - a2 * b0 - c2 * b1) * i2
    p3 = _damped(h33, radius, region) - a3 * a3 - c3 * c3 - d3 * d3
    i3 = one / np.sqrt(p3)
    e4 = (h43 - a4 * a3 - c4 * c3 - d4 * d3) * i3
    e5 = (h53 - a5 * a3 - c5 * c3 - d5 * d3) * i3
    b3 = (g3 - a3 * b0 - c3 * b1 - d3 * b2) * i3
    p4 = _damped(h44, radius, region) - a4 * a4 - c4 * c4 - d4 * d4 - e4 * e4
    i4 = one / np.sqrt(p4)
    f5 = (h54 - a5 * a4 - c5 * c4 - d5 * d4 - e5 * e4) * i4
    b4 = (g4 - a4 * b0 - c4 * b1 - d4 * b2 - e4 * b3) * i4
    p5 = _damped(h55, radius, region) - a5 * a5 - c5 * c5 - d5 * d5 - e5 * e5 - f5 * f5
    i5 = one / np.sqrt(p5)
    s5 = -(g5 - a5 * b0 - c5 * b1 - d5 * b2 - e5 * b3 - f5 * b4) * i5 * i5
    s4 = (-b4 - f5 * s5) * i4
    s3 = (-b3 - e4 * s4 - e5 * s5) * i3
    s2 = (-b2 - d3 * s3 - d4 * s4 - d5 * s5) * i2
    s1 = (-b1 - c2 * s2 - c3 * s3 - c4 * s4 - c5 * s5) * i1
    s0 = (-b0 - a1 * s1 - a2 * s2 - a3 * s3 - a4 * s4 - a5 * s5) * i0
    good = _sound(p0, dtype) & _sound(p1, dtype) & _sound(p2, dtype)
    good = good & _sound(p3, dtype) & _sound(p4, dtype) & _sound(p5, dtype)
    s0, s1, s2 = s0 if good else zero, s1 if good else zero, s2 if good else zero
    s3, s4, s5 = s3 if good else zero, s4 if good else zero, s5 if good else zero
    m0 = h00 * s0 + h10 * s1 + h20 * s2 + h30 * s3 + h40 * s4 + h50 * s5
    m1 = h10 * s0 + h11 * s1 + h21 * s2 + h31 * s3 + h41 * s4 + h51 * s5
    m2 = h20 * s0 + h21 * s1 + h22 * s2 + h32 * s3 + h42 * s4 + h52 * s5
    m3 = h30 * s0 + h31 * s1 + h32 * s2 + h33 * s3 + h43 * s4 + h53 * s5
    m4 = h40 * s0 + h41 * s1 + h42 * s2 + h43 * s3 + h44 * s4 + h54 * s5
    m5 = h50 * s0 + h51 * s1 + h52 * s2 + h53 * s3 + h54 * s4 + h55 * s5
    predicted = -s0 * (g0 + half * m0) - s1 * (g1 + half * m1) - s2 * (g2 + half * m2)
    predicted -= s3 * (g3 + half * m3) + s4 * (g4 + half * m4) + s5 * (g5 + half * m5)
    return (s0, s1, s2, s3, s4, s5), predicted


@inlined
def yaw_moved(pose, step, dtype):
    """A pose moved by a tangent step."""
    return pose[0] + step[0], pose[1] + step[1], pose[2] + step[2], pose[3] + step[3]


@inlined
def quaternion_moved(pose, step, dtype):
    """A pose moved by a tangent step."""
    x, y, z, w, i, j, k = pose
    dx, dy, dz, a, b, c = step
    zero, one = dtype(0), dtype(1)
    q0 = w + (i * a + j * b + k * c)
    q1 = i + (-w * a - k * b + j * c)
    q2 = j + (k * a - w * b - i * c)
    q3 = k + (-j * a + i * b - w * c)
    squared = q0 * q0 + q1 * q1 + q2 * q2 + q3 * q3
    short = squared < dtype(TINY_NORM * TINY_NORM)
    scale = one / np.sqrt(squared)
    q0, q1 = one if short else q0 * scale, zero if short else q1 * scale
    q2, q3 = zero if short else q2 * scale, zero if short else q3 * scale
    return x + dx, y + dy, z + dz, q0, q1, q2, q3


@inlined
def judged(value, trial, predicted, region, dtype):
    """Ratio of actual to predicted fall (one if rounding hides both); whether to take the step."""
    rounding = region.rounding * value
    hidden = (predicted <= rounding) & (trial <= value + rounding)
    gain = dtype(1) if hidden else (value - trial) / predicted
    return gain, (gain >= region.decrease) & (predicted > dtype(0))


@inlined
def resized(radius, shrink, gain, accepted, region, dtype):
    """Next radius after a step, and by how much the next refusal divides it."""
    one, two = dtype(1), dtype(2)
    rest = gain + gain - one
    denominator = one - rest * rest * rest
    denominator = region.third if denominator < region.third else denominator
    grown = clamp(radius / denominator if accepted else radius, region.eps, region.largest)
    return grown if accepted else grown / shrink, two if accepted else two * shrink
