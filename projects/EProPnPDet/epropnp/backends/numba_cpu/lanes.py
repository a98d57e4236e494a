"""Levenberg-Marquardt on many small problems at once, one in each lane of a vector register.

A random subset has too few points to fill vector registers with them: adding up the lanes at the
end would take longer than the points. So sixteen subsets are evaluated side by side, point after
point. Arrays of a block hold rows of one number per lane. What happens once per step, for which a
lane of its own is not worth while, is that of `minimize`, subset by subset.
"""

import numpy as np

from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.backends.numba_cpu.minimize import attempt, judge, resized
from epropnp.backends.numba_cpu.normal_equations import unpack
from epropnp.backends.numba_cpu.projection import rotate
from epropnp.backends.numba_cpu.shares import View, quaternion_share, yaw_share

LANES = 16
TURN, PLACE, INTRINSICS, BOUNDS, DELTA, AXIS, VIEW_ROWS = 0, 9, 12, 21, 25, 26, 29
POINT_ROWS = 7  # x, y, z, u, v and the weights of u, v
SYSTEM = 28  # numbers of the largest system
STATE = 72  # of a lane: pose, candidate, step, system, radius, shrink
OWN = 9 + 3 * 36 + SYSTEM  # a rotation, three matrices, and a system, of one lane at a time


def scratch_size(points: int) -> int:
    """Numbers of scratch memory for subsets of so many points."""
    return LANES * (VIEW_ROWS + SYSTEM + STATE + POINT_ROWS * points) + OWN


@inlined
def _view(rows, lane, z_min, clip_jacobian):
    """The view of a lane."""
    at = lane
    return View(
        (
            rows[at], rows[at + LANES], rows[at + 2 * LANES],
            rows[at + 3 * LANES], rows[at + 4 * LANES], rows[at + 5 * LANES],
            rows[at + 6 * LANES], rows[at + 7 * LANES], rows[at + 8 * LANES],
        ),
        (rows[at + 9 * LANES], rows[at + 10 * LANES], rows[at + 11 * LANES]),
        (
            rows[at + 12 * LANES], rows[at + 13 * LANES], rows[at + 14 * LANES],
            rows[at + 15 * LANES], rows[at + 16 * LANES], rows[at + 17 * LANES],
            rows[at + 18 * LANES], rows[at + 19 * LANES], rows[at + 20 * LANES],
        ),
        (
            rows[at + 21 * LANES], rows[at + 22 * LANES],
            rows[at + 23 * LANES], rows[at + 24 * LANES],
        ),
        rows[at + 25 * LANES],
        (rows[at + 26 * LANES], rows[at + 27 * LANES], rows[at + 28 * LANES]),
        z_min,
        clip_jacobian,
    )  # fmt: skip


@inlined
def _add_yaw(view, point, sums, z_min, clip_jacobian):
    """Add the shares of the same point of all subsets; `LANES` apart lie the sums of a lane."""
    dtype = sums.dtype.type
    for lane in range(LANES):
        place = (point[lane], point[lane + LANES], point[lane + 2 * LANES])
        seen = (
            point[lane + 3 * LANES],
            point[lane + 4 * LANES],
            point[lane + 5 * LANES],
            point[lane + 6 * LANES],
        )
        t = yaw_share(place, seen, _view(view, lane, z_min, clip_jacobian), dtype)
        sums[lane] += t[0]
        sums[lane + LANES] += t[1]
        sums[lane + 2 * LANES] += t[2]
        sums[lane + 3 * LANES] += t[3]
        sums[lane + 4 * LANES] += t[4]
        sums[lane + 5 * LANES] += t[5]
        sums[lane + 6 * LANES] += t[6]
        sums[lane + 7 * LANES] += t[7]
        sums[lane + 8 * LANES] += t[8]
        sums[lane + 9 * LANES] += t[9]
        sums[lane + 10 * LANES] += t[10]
        sums[lane + 11 * LANES] += t[11]
        sums[lane + 12 * LANES] += t[12]
        sums[lane + 13 * LANES] += t[13]
        sums[lane + 14 * LANES] += t[14]


@inlined
def _add_quaternion(view, point, sums, z_min, clip_jacobian):
    """Add the shares of the same point of all subsets; `LANES` apart lie the sums of a lane."""
    dtype = sums.dtype.type
    for lane in range(LANES):
        place = (point[lane], point[lane + LANES], point[lane + 2 * LANES])
        seen = (
            point[lane + 3 * LANES],
            point[lane + 4 * LANES],
            point[lane + 5 * LANES],
            point[lane + 6 * LANES],
        )
        t = quaternion_share(place, seen, _view(view, lane, z_min, clip_jacobian), dtype)
        sums[lane] += t[0]
        sums[lane + LANES] += t[1]
        sums[lane + 2 * LANES] += t[2]
        sums[lane + 3 * LANES] += t[3]
        sums[lane + 4 * LANES] += t[4]
        sums[lane + 5 * LANES] += t[5]
        sums[lane + 6 * LANES] += t[6]
        sums[lane + 7 * LANES] += t[7]
        sums[lane + 8 * LANES] += t[8]
        sums[lane + 9 * LANES] += t[9]
        sums[lane + 10 * LANES] += t[10]
        sums[lane + 11 * LANES] += t[11]
        sums[lane + 12 * LANES] += t[12]
        sums[lane + 13 * LANES] += t[13]
        sums[lane + 14 * LANES] += t[14]
        sums[lane + 15 * LANES] += t[15]
        sums[lane + 16 * LANES] += t[16]
        sums[lane + 17 * LANES] += t[17]
        sums[lane + 18 * LANES] += t[18]
        sums[lane + 19 * LANES] += t[19]
        sums[lane + 20 * LANES] += t[20]
        sums[lane + 21 * LANES] += t[21]
        sums[lane + 22 * LANES] += t[22]
        sums[lane + 23 * LANES] += t[23]
        sums[lane + 24 * LANES] += t[24]
        sums[lane + 25 * LANES] += t[25]
        sums[lane + 26 * LANES] += t[26]
        sums[lane + 27 * LANES] += t[27]


@inlined
def _load_lane(lane, cost, obj, index, view, points):
    """Write what stays the same of a lane: camera, axis, and the points of a subset (k,)."""
    count = cost.points.shape[2]
    for row in range(3):
        view[(AXIS + row) * LANES + lane] = cost.tilt[obj, row, 1]
        for column in range(3):
            view[(INTRINSICS + 3 * row + column) * LANES + lane] = cost.intrinsics[obj, row, column]
    for row in range(4):
        view[(BOUNDS + row) * LANES + lane] = cost.bounds[obj, row]
    view[DELTA * LANES + lane] = cost.delta[obj]
    for place in range(len(index)):
        point = index[place]
        at = place * POINT_ROWS * LANES + lane
        if point == count:  # no point
            for row in range(POINT_ROWS):
                points[at + row * LANES] = 0
            continue
        for row in range(3):
            points[at + row * LANES] = cost.points[obj, row, point]
        for row in range(2):
            points[at + (3 + row) * LANES] = cost.pixels[obj, row, point]
            points[at + (5 + row) * LANES] = cost.weights[obj, row, point]


@inlined
def _load_pose(lane, pose, tilt, turn, view):
    """Write the pose of a lane."""
    rotate(pose, tilt, turn)
    for row in range(3):
        view[(PLACE + row) * LANES + lane] = pose[row]
        for column in range(3):
            view[(TURN + 3 * row + column) * LANES + lane] = turn[row, column]


@inlined
def _system_of(lane, sums, size, delta, out):
    """Write the system of a lane."""
    for number in range(size):
        out[number] = sums[number * LANES + lane]
    if np.isnan(delta):
        out[0] = np.nan


@inlined
def _room(scratch):
    """Parts of scratch memory.

    Returns:
        View rows, sums, states of the lanes, points; and for one lane at a time a rotation, a
        system, and room for three matrices.
    """
    view, rest = scratch[: VIEW_ROWS * LANES], scratch[VIEW_ROWS * LANES :]
    sums, rest = rest[: SYSTEM * LANES], rest[SYSTEM * LANES :]
    state, rest = rest[: STATE * LANES].reshape((LANES, STATE)), rest[STATE * LANES :]
    turn, system = rest[:9].reshape((3, 3)), rest[9 : 9 + SYSTEM]
    return view, sums, state, rest[OWN:], (turn, system, rest[9 + SYSTEM : OWN])


@inlined
def _item(block, lane, shape):
    """Subset and object of a lane; lanes that are left over do what the last one does."""
    item = min(block * LANES + lane, shape[0] * shape[1] - 1)
    return item // shape[1], item % shape[1]


@inlined
def _copy(source, count, target):
    for number in range(count):
        target[number] = source[number]


@inlined
def _begin(mine, start, radius):
    """Write the first candidate of a lane, its radius, and how a refusal shrinks that."""
    _copy(start, len(start), mine[7:])
    mine[48], mine[49] = radius, mine.dtype.type(2)


@inlined
def _attempt_step(mine, matrices, region, dof, params):
    """Write the step of a lane, and the candidate it leads to."""
    matrix, damped, factor = matrices
    pose, candidate = mine[:params], mine[7 : 7 + params]
    unpack(mine[20:], dof, matrix)
    at = (mine[20:], matrix, mine[48])
    attempt(at, pose, region, (damped, factor), mine[14:20], candidate, dof)


@inlined
def _judge_step(mine, trial, matrix, region, dof):
    """Whether the candidate of a lane is accepted; its radius follows."""
    unpack(mine[20:], dof, matrix)
    gain, accepted = judge(mine[20:], trial, matrix, mine[14:20], region, dof)
    mine[48] = resized(mine[48], mine[49], gain, accepted, region)
    two = mine.dtype.type(2)
    mine[49] = two if accepted else mine[49] * two
    return accepted


@inlined
def _accept(mine, system):
    """Make the candidate of a lane its pose, and a system that of the pose."""
    _copy(mine[7:], 7, mine)
    _copy(system, SYSTEM, mine[20:])


def _minimizer(dof, add_shares):  # noqa: C901 - loops over lanes
    """Kernel for a number of degrees of freedom."""
    params, size = (4, 15) if dof == 4 else (7, 28)

    @inlined
    def sum_up(room, count, z_min, clip_jacobian):
        """Write the sums of all lanes."""
        view, sums, _, points, _ = room
        sums[:] = sums.dtype.type(0)
        for place in range(count):
            point = points[place * POINT_ROWS * LANES : (place + 1) * POINT_ROWS * LANES]
            add_shares(view, point, sums, z_min, clip_jacobian)

    @kernel
    def minimize_subsets(first, last, scratch, cost, index, starts, num_iter, region, poses):
        """Poses (Q, B, P) after steps from starts (Q, B, P), for points index (Q, B, k).

        The range is one of blocks of lanes, which hold one object after the other. Scratch
        `scratch_size`.
        """
        room = _room(scratch)
        view, sums, state, points, (turn, system, work) = room
        matrix = work[: dof * dof].reshape((dof, dof))
        damped = work[36 : 36 + dof * dof].reshape((dof, dof))
        factor = work[72 : 72 + dof * dof].reshape((dof, dof))
        for block in range(first, last):
            for lane in range(LANES):
                subset, obj = _item(block, lane, index.shape)
                _load_lane(lane, cost, obj, index[subset, obj], view, points)
                _begin(state[lane], starts[subset, obj], region.start)
            for step in range(num_iter + 1):
                for lane in range(LANES):
                    mine, (_, obj) = state[lane], _item(block, lane, index.shape)
                    if step > 0:
                        _attempt_step(mine, (matrix, damped, factor), region, dof, params)
                    _load_pose(lane, mine[7 : 7 + params], cost.tilt[obj], turn, view)
                sum_up(room, index.shape[2], cost.z_min, cost.clip_jacobian)
                for lane in range(LANES):
                    _system_of(lane, sums, size, view[DELTA * LANES + lane], system)
                    if step == 0 or _judge_step(state[lane], system, matrix, region, dof):
                        _accept(state[lane], system)
            for lane in range(LANES):
                subset, obj = _item(block, lane, index.shape)
                _copy(state[lane], params, poses[subset, obj])

    return minimize_subsets


MINIMIZE_SUBSETS = {4: _minimizer(4, _add_yaw), 6: _minimizer(6, _add_quaternion)}
