"""Levenberg-Marquardt with all iterations of an object inside one call.

The rule is that of `epropnp.levenberg_marquardt`, step by step; only sums are taken in another
order. Several starts of an object are several items.
"""

from collections.abc import Callable
from typing import NamedTuple

from epropnp.backends.numba_cpu import algebraic, rows, steps
from epropnp.backends.numba_cpu.algebraic import accumulate_form
from epropnp.backends.numba_cpu.compiled import kernel
from epropnp.backends.numba_cpu.normal_equations import accumulate, unpack
from epropnp.backends.numba_cpu.steps import judged, resized

SCRATCH = 72 + algebraic.SCRATCH  # numbers of scratch memory of a minimisation


class Kind(NamedTuple):
    """What differs between degrees of freedom.

    Attributes:
        params: numbers of a pose.
        size: numbers of a system.
        pose: takes those of a pose from an array.
        put_pose: writes them.
        system: takes those of a system.
        step: finds a step.
        moved: takes it.
    """

    params: int
    size: int
    pose: Callable
    put_pose: Callable
    system: Callable
    step: Callable
    moved: Callable


YAW = Kind(4, 15, rows.four, rows.put_four, rows.fifteen, steps.yaw_step, steps.yaw_moved)
QUATERNION = Kind(
    7,
    28,
    rows.seven,
    rows.put_seven,
    rows.twenty_eight,
    steps.quaternion_step,
    steps.quaternion_moved,
)


def _minimizer(dof, kind, of_points):
    """Kernel for a number of degrees of freedom.

    It takes `CostArrays` or, if not ``of_points``, `FormArrays`; the compiler drops the other way.
    """
    params, _, numbers_of_pose, put_pose, numbers_of_system, step_of, moved = kind

    @kernel
    def minimize(first, last, scratch, cost, starts, num_iter, region, poses, values, matrices):
        """Poses (N, P) with values (N,) and matrices (N, D, D) after steps from starts (N, P)."""
        turn, candidate = scratch[:9].reshape((3, 3)), scratch[9 : 9 + params]
        system, trial, rest = scratch[16:44], scratch[44:72], scratch[72:]
        dtype = starts.dtype.type
        for item in range(first, last):
            obj = item % len(cost.tilt)
            radius, shrink = region.start, dtype(2)
            for attempt in range(num_iter + 1):
                predicted = dtype(0)
                if attempt == 0:
                    put_pose(candidate, 0, 1, numbers_of_pose(starts[item], 0, 1))
                else:
                    now = numbers_of_system(system, 0, 1)
                    step, predicted = step_of(now, radius, region, dtype)
                    pose = numbers_of_pose(poses[item], 0, 1)
                    put_pose(candidate, 0, 1, moved(pose, step, dtype))
                if of_points:
                    accumulate(cost, item % len(cost.points), obj, candidate, turn, trial)
                else:
                    accumulate_form(cost, obj, candidate, turn, rest, trial)
                accepted = True
                if attempt > 0:
                    gain, accepted = judged(system[0], trial[0], predicted, region, dtype)
                    radius, shrink = resized(radius, shrink, gain, accepted, region, dtype)
                if accepted:
                    put_pose(poses[item], 0, 1, numbers_of_pose(candidate, 0, 1))
                    system, trial = trial, system
            values[item] = system[0]
            unpack(system, dof, matrices[item])

    return minimize


MINIMIZE = {4: _minimizer(4, YAW, True), 6: _minimizer(6, QUATERNION, True)}
MINIMIZE_FORM = {4: _minimizer(4, YAW, False), 6: _minimizer(6, QUATERNION, False)}
