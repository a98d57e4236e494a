"""Levenberg-Marquardt on many small problems at once, one in each lane of a vector register.

A random subset has too few points to fill vector registers with them: adding up the lanes at the
end would take longer than the points. So sixteen subsets are solved side by side, and everything is
a row of sixteen numbers, one per subset.
"""

import numpy as np

from epropnp.backends.numba_cpu import minimize, rows
from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.backends.numba_cpu.elementary import direction
from epropnp.backends.numba_cpu.projection import quaternion_turn, yaw_turn
from epropnp.backends.numba_cpu.shares import View, quaternion_share, yaw_share
from epropnp.backends.numba_cpu.steps import judged, resized

LANES = 16
TURN, PLACE, INTRINSICS, BOUNDS, DELTA, AXIS = 0, 9, 12, 21, 25, 26  # rows of a view
POINT_ROWS = 7  # x, y, z, u, v and the weights of u, v
# ends of the parts of scratch memory, each after the one before
VIEW, TILT, POSE, CANDIDATE, SYSTEM, TRIAL, RADIUS, SHRINK, PREDICTED, ACCEPTED, SIDES = (
    LANES * row for row in (29, 38, 45, 52, 80, 108, 109, 110, 111, 112, 114)
)


def scratch_size(points: int) -> int:
    """Numbers of scratch memory for subsets of so many points."""
    return SIDES + LANES * POINT_ROWS * points


@inlined
def _view(view, lane, z_min, clip_jacobian):
    """The view of a lane."""
    return View(
        rows.nine(view, lane, LANES),
        rows.three(view, lane + PLACE * LANES, LANES),
        rows.nine(view, lane + INTRINSICS * LANES, LANES),
        rows.four(view, lane + BOUNDS * LANES, LANES),
        view[lane + DELTA * LANES],
        rows.three(view, lane + AXIS * LANES, LANES),
        z_min,
        clip_jacobian,
    )


@inlined
def _add_yaw(view, point, sums, z_min, clip_jacobian):
    """Add the shares of the same point of all subsets; `LANES` apart lie the sums of a lane."""
    dtype = sums.dtype.type
    for lane in range(LANES):
        place = rows.three(point, lane, LANES)
        seen = rows.four(point, lane + 3 * LANES, LANES)
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
        place = rows.three(point, lane, LANES)
        seen = rows.four(point, lane + 3 * LANES, LANES)
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
def _turn_yaw(candidate, tilt, sides, view):
    """Write rotation and translation of the candidates; two rows are scratch."""
    dtype = view.dtype.type
    for lane in range(LANES):
        sine, cosine = direction(candidate[lane + 3 * LANES])
        sides[lane], sides[lane + LANES] = dtype(cosine), dtype(sine)
    for lane in range(LANES):
        turn = yaw_turn(sides[lane], sides[lane + LANES], rows.nine(tilt, lane, LANES))
        rows.put_nine(view, lane, LANES, turn)


@inlined
def _turn_quaternion(candidate, tilt, sides, view):
    """Write rotation and translation of the candidates."""
    dtype = view.dtype.type
    for lane in range(LANES):
        w, i, j, k = rows.four(candidate, lane + 3 * LANES, LANES)
        rows.put_nine(view, lane, LANES, quaternion_turn(w, i, j, k, dtype))


@inlined
def _load(lane, cost, obj, index, view, tilt, points):
    """Write what stays the same of a lane: camera, axis, tilt, and the points of a subset (k,)."""
    count = cost.points.shape[2]
    for row in range(3):
        view[(AXIS + row) * LANES + lane] = cost.tilt[obj, row, 1]
        for column in range(3):
            at = (3 * row + column) * LANES + lane
            view[INTRINSICS * LANES + at] = cost.intrinsics[obj, row, column]
            tilt[at] = cost.tilt[obj, row, column]
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
def _judge(value, trial, predicted, radius, shrink, accepted, region):
    """Write which lanes take their step (1 or 0), and their next radius."""
    dtype = radius.dtype.type
    for lane in range(LANES):
        gain, takes = judged(value[lane], trial[lane], predicted[lane], region, dtype)
        radius[lane], shrink[lane] = resized(radius[lane], shrink[lane], gain, takes, region, dtype)
        accepted[lane] = dtype(1) if takes else dtype(0)


@inlined
def _take(accepted, new, count, old):
    """Overwrite so many rows in the lanes that take their step."""
    for row in range(count):
        for lane in range(LANES):
            at = row * LANES + lane
            old[at] = new[at] if accepted[lane] > 0 else old[at]


def _minimizer(kind, add_shares, write_turn):  # noqa: C901 - loops over lanes
    """Kernel for a kind of pose."""
    params, size, numbers_of_pose, put_pose, numbers_of_system, step_of, moved = kind

    @inlined
    def attempt(system, radius, pose, candidate, predicted, region):
        """Write the candidates of all lanes."""
        dtype = radius.dtype.type
        for lane in range(LANES):
            now = numbers_of_system(system, lane, LANES)
            step, predicted[lane] = step_of(now, radius[lane], region, dtype)
            new = moved(numbers_of_pose(pose, lane, LANES), step, dtype)
            put_pose(candidate, lane, LANES, new)

    @inlined
    def evaluate(candidate, view, tilt, points, sides, trial, cost):
        """Write the systems of all candidates."""
        write_turn(candidate, tilt, sides, view)
        for at in range(3 * LANES):
            view[PLACE * LANES + at] = candidate[at]
        trial[:] = trial.dtype.type(0)
        for start in range(0, len(points), POINT_ROWS * LANES):
            point = points[start : start + POINT_ROWS * LANES]
            add_shares(view, point, trial, cost.z_min, cost.clip_jacobian)
        for lane in range(LANES):
            if np.isnan(view[DELTA * LANES + lane]):
                trial[lane] = np.nan

    @kernel
    def minimize_subsets(first, last, scratch, cost, index, starts, num_iter, region, poses):
        """Poses (Q, B, P) after steps from starts (Q, B, P), for points index (Q, B, k).

        The range is one of blocks of lanes, which hold one object after the other; lanes that are
        left over do what the last one does. Scratch `scratch_size`.
        """
        objects, items = index.shape[1], index.shape[0] * index.shape[1]
        view, tilt = scratch[:VIEW], scratch[VIEW:TILT]
        pose, candidate = scratch[TILT:POSE], scratch[POSE:CANDIDATE]
        system, trial = scratch[CANDIDATE:SYSTEM], scratch[SYSTEM:TRIAL]
        radius, shrink = scratch[TRIAL:RADIUS], scratch[RADIUS:SHRINK]
        predicted, accepted = scratch[SHRINK:PREDICTED], scratch[PREDICTED:ACCEPTED]
        sides, points = scratch[ACCEPTED:SIDES], scratch[SIDES:]
        for block in range(first, last):
            for lane in range(LANES):
                item = min(block * LANES + lane, items - 1)
                subset, obj = item // objects, item % objects
                _load(lane, cost, obj, index[subset, obj], view, tilt, points)
                put_pose(candidate, lane, LANES, numbers_of_pose(starts[subset, obj], 0, 1))
            radius[:], shrink[:], accepted[:] = region.start, 2, 1
            evaluate(candidate, view, tilt, points, sides, trial, cost)
            for step in range(num_iter + 1):
                if step > 0:
                    attempt(system, radius, pose, candidate, predicted, region)
                    evaluate(candidate, view, tilt, points, sides, trial, cost)
                    _judge(system, trial, predicted, radius, shrink, accepted, region)
                _take(accepted, trial, size, system)
                _take(accepted, candidate, params, pose)
            for lane in range(min(LANES, items - block * LANES)):
                item = block * LANES + lane
                found = numbers_of_pose(pose, lane, LANES)
                put_pose(poses[item // objects, item % objects], 0, 1, found)

    return minimize_subsets


MINIMIZE_SUBSETS = {
    4: _minimizer(minimize.YAW, _add_yaw, _turn_yaw),
    6: _minimizer(minimize.QUATERNION, _add_quaternion, _turn_quaternion),
}
