"""All rounds of adaptive importance sampling of an object in one kernel; see `epropnp.rounds`.

Its samples stay in rows of scratch memory: a round draws from its proposal, adds its density to
those of earlier samples and all densities so far to its own, takes their costs, and is followed by
the fit of the next proposal.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epropnp.backends.numba_cpu import density, draws, fits
from epropnp.backends.numba_cpu.compiled import kernel
from epropnp.backends.numba_cpu.projection import store_poses
from epropnp.backends.numba_cpu.sample_cost import MAP, costs_of
from epropnp.backends.numba_cpu.states import SIZE, Constants

COMPONENT = density.COMPONENT


class Plan(NamedTuple):
    """What the rounds of all objects have in common.

    Attributes:
        carriers: (R,) samples that share the largest weight at least, in the fit before a round.
        steps: of the fixed point of a quaternion's fit.
        constants: of the proposals.
    """

    carriers: NDArray
    steps: int
    constants: Constants


class RoundsOut(NamedTuple):
    """What is written: poses (S, B, P), costs (S, B), log densities of the mixture (S, B)."""

    poses: NDArray
    values: NDArray
    log_mixture: NDArray


def scratch_size(samples: int, plan: Plan, size: int) -> int:
    """Numbers of scratch memory, in double precision, for samples of ``size`` numbers."""
    rounds = len(plan.carriers)
    each = samples // rounds
    own = samples * (size + 2) + SIZE[size] * rounds + MAP * each
    fit = fits.scratch_size(samples, max(plan.carriers.tolist()))
    return COMPONENT * rounds + 2 * samples + own + max(fit, draws.scratch_size(each))


def _rounds(draw, part_of, add, fit):
    @kernel
    def rounds(first, last, scratch, cost, plan, initial, numbers, out):
        """Sample objects, beginning with proposals in rows (B, N); scratch `scratch_size`."""
        samples, size, turns = out.poses.shape[0], out.poses.shape[2], len(plan.carriers)
        each, width, constants = samples // turns, initial.shape[1], plan.constants
        at = COMPONENT * turns
        parts = scratch[:at].reshape((turns, COMPONENT))
        total, tail = scratch[at : at + samples], scratch[at + samples : at + 2 * samples]
        floats = scratch[at + 2 * samples :].view(initial.dtype)
        poses, at = floats[: size * samples].reshape((size, samples)), size * samples
        values, at = floats[at : at + samples], at + samples
        weights, at = floats[at : at + samples], at + samples
        rows, at = floats[at : at + turns * width].reshape((turns, width)), at + turns * width
        maps, work = floats[at : at + MAP * each], floats[at + MAP * each :]
        for obj in range(first, last):
            unit = 0.0
            for turn in range(turns):
                begin = turn * each
                end, row, part = begin + each, rows[turn], parts[turn]
                if turn == 0:
                    for number in range(width):
                        row[number] = initial[obj, number]
                else:
                    for s in range(begin):
                        weight = -values[s] - (np.log(total[s]) - np.log(turn))
                        weights[s] = -np.inf if np.isnan(weight) else weight
                    setting = (plan.carriers[turn], plan.steps)
                    fit(poses, weights[:begin], setting, work, row)
                part_of(row, constants, part)
                unit = part[9] if turn == 0 else unit
                part[9] = np.exp(part[9] - unit)
                draw(row, numbers, turn, obj, work, poses, begin)
                add(part, row, constants, poses, 0, tail[:begin], total[:begin])
                total[begin:end] = 0.0
                for k in range(turn + 1):
                    part = parts[k]
                    add(part, rows[k], constants, poses, begin, tail[:each], total[begin:end])
                costs_of(cost, obj, poses, begin, maps, values[begin:end])
            store_poses(poses, obj, out.poses)
            for s in range(samples):
                out.values[s, obj] = values[s]
                out.log_mixture[s, obj] = np.log(total[s]) + unit - np.log(turns)

    return rounds


ROUNDS = {
    4: _rounds(draws.draw_yaw, density.yaw_part, density.add_yaw, fits.fit_yaw),
    7: _rounds(
        draws.draw_quaternion,
        density.quaternion_part,
        density.add_quaternion,
        fits.fit_quaternion,
    ),
}
