"""Poses drawn from proposals: torch's random numbers in, poses out.

The random numbers come from torch's generator, in the order in which the eager distributions ask
for them, so one seed gives the same samples. Rejection stops at the last sample that is needed.

Axes of random numbers: R rounds, S samples of a round, B objects.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.backends.numba_cpu.elementary import exponential, tangent_of_turns
from epropnp.backends.numba_cpu.projection import store_poses
from epropnp.backends.numba_cpu.states import quaternion_of, translation_of

CANDIDATES = 16  # candidates of a rejection at a time


class HeadingNumbers(NamedTuple):
    """Uniform numbers of the headings of S samples, of which the first are uniform.

    Attributes:
        uniform: (R, U, B) of uniform headings.
        candidates: (R, C, B) of the candidates of rejection.
        chances: (R, C, B) by which they are refused.
        one_more: (R, 1, B) that decide whether the last uniform heading is used, or (R, 0, B).
        rest: below which it is.
    """

    uniform: NDArray
    candidates: NDArray
    chances: NDArray
    one_more: NDArray
    rest: np.floating


class Numbers(NamedTuple):
    """Random numbers of R rounds.

    Attributes:
        normal: (R, S, B, 3 + freedom) of the translations.
        rotation: `HeadingNumbers`, or normal ones (R, S, B, 4) of quaternions.
    """

    normal: NDArray
    rotation: HeadingNumbers | NDArray


def scratch_size(num: int) -> int:
    """Numbers of scratch memory for so many draws."""
    return 8 * num + 2 * CANDIDATES


@inlined
def _translations(row, normal, obj, poses, begin):
    """Write draws of a multivariate t, from one pose on; normal (S, B, 3 + freedom)."""
    loc, factor = translation_of(row)
    freedom = normal.shape[2] - 3
    end = begin + len(normal)
    x, y, z = poses[0, begin:end], poses[1, begin:end], poses[2, begin:end]
    for s in range(len(normal)):
        squares = normal[s, obj, 3] * normal[s, obj, 3]
        for index in range(4, 3 + freedom):
            squares += normal[s, obj, index] * normal[s, obj, index]
        stretch = np.sqrt(normal.dtype.type(freedom) / squares)
        a = normal[s, obj, 0] * stretch
        b = normal[s, obj, 1] * stretch
        c = normal[s, obj, 2] * stretch
        x[s] = loc[0] + factor[0, 0] * a
        y[s] = loc[1] + factor[1, 0] * a + factor[1, 1] * b
        z[s] = loc[2] + factor[2, 0] * a + factor[2, 1] * b + factor[2, 2] * c


@inlined
def draw_yaw(row, numbers, turn, obj, scratch, poses, begin):
    """Write the draws of one round as poses (4, S), from one on; scratch `scratch_size`."""
    dtype = poses.dtype.type
    one, two, pi = dtype(1), dtype(2), dtype(np.pi)
    uniform, one_more = numbers.rotation.uniform[turn], numbers.rotation.one_more[turn]
    whole, yaw = len(uniform) - len(one_more), poses[3, begin : begin + numbers.normal.shape[1]]
    _translations(row, numbers.normal[turn], obj, poses, begin)
    for s in range(whole):
        yaw[s] = (two * uniform[s, obj] - one) * pi
    candidates, chances = numbers.rotation.candidates[turn], numbers.rotation.chances[turn]
    _von_mises(row[13], candidates, chances, obj, scratch, yaw[whole:])
    for s in range(whole, len(yaw)):
        yaw[s] = (yaw[s] + row[12] + pi) % (two * pi) - pi
    if len(one_more) > 0 and one_more[0, obj] < numbers.rotation.rest:
        yaw[whole] = (two * uniform[whole, obj] - one) * pi


@inlined
def _von_mises(kappa, candidates, chances, obj, scratch, out):
    """Write draws (S,) centred on zero; see `epropnp.distributions.sample_von_mises`."""
    dtype = out.dtype.type
    one, half, two = dtype(1), dtype(0.5), dtype(2)
    root = np.sqrt(one + (two * kappa) * (two * kappa))
    total = root + two * kappa
    slack = one / total
    envelope = (one + slack) / (one + total)
    scale, level = np.sqrt(envelope), half * (one + total)
    tangents, limits = scratch[:CANDIDATES], scratch[CANDIDATES : 2 * CANDIDATES]
    refusals = scratch[2 * CANDIDATES :]
    found, refused, wanted = 0, 0, len(out)
    for start in range(0, len(candidates), CANDIDATES):
        if found == wanted:
            break
        count = min(CANDIDATES, len(candidates) - start)
        for c in range(count):  # apart from the rest, which then runs in vector registers
            tangents[c] = candidates[start + c, obj]
        for c in range(count):
            tangent = dtype(scale * tangent_of_turns(tangents[c] - half))
            sine2 = tangent * tangent
            sine2 = sine2 / (one + sine2) if sine2 < np.inf else one
            limit = dtype(exponential(half * (one - slack) - two * kappa * sine2))
            tangents[c], limits[c] = tangent, limit * (envelope + (one - envelope) * sine2) * level
        for c in range(count):
            if found == wanted:
                break
            passes = not (chances[start + c, obj] > limits[c])
            out[found] = tangents[c]
            refusals[min(refused, wanted)] = tangents[c]
            found, refused = found + passes, refused + (not passes)
    for s in range(found, wanted):
        out[s] = refusals[s - found]
    for s in range(wanted):
        out[s] = two * np.arctan(out[s])


@inlined
def draw_quaternion(row, numbers, turn, obj, scratch, poses, begin):
    """Write the draws of one round as poses (7, S), from one on; scratch likewise."""
    dtype = poses.dtype.type
    zero, one, tiny = dtype(0), dtype(1), dtype(np.finfo(np.float32).tiny)
    frame, spread = quaternion_of(row)
    both = scratch[:16].reshape((4, 4))
    for line in range(4):
        for column in range(4):
            total = zero
            for k in range(column, 4):
                total += frame[line, k] * spread[k, column]
            both[line, column] = total
    _translations(row, numbers.normal[turn], obj, poses, begin)
    normal = numbers.rotation[turn]
    for s in range(len(normal)):
        squares = zero
        for line in range(4):
            total = zero
            for column in range(4):
                total += both[line, column] * normal[s, obj, column]
            poses[3 + line, begin + s] = total
            squares += total * total
        norm = np.sqrt(squares)
        for line in range(4):
            straight = one if line == 0 else zero
            part = poses[3 + line, begin + s] / norm
            poses[3 + line, begin + s] = part if norm > tiny else straight


def _draws(draw):
    @kernel
    def draws(first, last, scratch, rows, numbers, out):
        """Draws (S, B, P) of one round of proposals in rows (B, N); scratch `scratch_size`."""
        samples, size = out.shape[0], out.shape[2]
        poses = scratch[: size * samples].reshape((size, samples))
        for obj in range(first, last):
            draw(rows[obj], numbers, 0, obj, scratch[size * samples :], poses, 0)
            store_poses(poses, obj, out)

    return draws


DRAWS = {4: _draws(draw_yaw), 7: _draws(draw_quaternion)}
