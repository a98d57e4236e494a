"""The quadratic form of the linear start, and its value and derivatives at a pose.

See `epropnp.linear_start`: the form is over the twelve entries of [R | t], row by row.
"""

from typing import NamedTuple

from numpy.typing import NDArray

from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.backends.numba_cpu.projection import rotate

SIZE = 12
SCRATCH = 48  # of `accumulate_form`: entries, their moment, a derivative and its moment


class FormArrays(NamedTuple):
    """Quadratic forms (B, 12, 12), and the tilt (B, 3, 3) of the manifold."""

    forms: NDArray
    tilt: NDArray


@kernel
def quadratic_forms(first, last, scratch, points, residuals, scales, planar, out):
    """Write the forms (B, 12, 12) of points (B, 3, n); see `Backend.algebraic_form`."""
    zero, one = out.dtype.type(0), out.dtype.type(1)
    length = points.shape[2]
    for obj in range(first, last):
        for row in range(3):
            for column in range(row + 1):
                for i in range(4):
                    for j in range(i + 1):
                        total = zero
                        for axis in range(2):
                            a, b = zero, zero
                            u_row, w_row = residuals[obj, axis], scales[obj, axis]
                            a = planar[obj, axis, row] if row < 2 else -one
                            b = planar[obj, axis, column] if column < 2 else -one
                            total += (
                                a
                                * b
                                * _moment(
                                    points[obj, i if i < 3 else 0],
                                    points[obj, j if j < 3 else 0],
                                    u_row,
                                    w_row,
                                    length,
                                    (i < 3, j < 3, (row == 2) + (column == 2)),
                                )
                            )
                        _spread(out, obj, 4 * row, 4 * column, i, j, total)


@inlined
def _moment(x_row, y_row, u_row, w_row, length, which):
    """Sum of w^2 x^a y^b u^c, with a and b true or false and c from zero to two."""
    with_x, with_y, power = which
    one = x_row.dtype.type(1)
    total = x_row.dtype.type(0)
    for p in range(length):
        term = w_row[p] * w_row[p]
        term *= x_row[p] if with_x else one
        term *= y_row[p] if with_y else one
        term *= u_row[p] if power > 0 else one
        term *= u_row[p] if power > 1 else one
        total += term
    return total


@inlined
def _spread(out, obj, row, column, i, j, value):
    """Write an entry at the four places that symmetry gives it."""
    out[obj, row + i, column + j] = value
    out[obj, row + j, column + i] = value
    out[obj, column + j, row + i] = value
    out[obj, column + i, row + j] = value


@inlined
def accumulate_form(cost, obj, pose, turn, scratch, system):
    """Write the system of an object at a pose, as `normal_equations.accumulate` does."""
    form = cost.forms[obj]
    entries, moment = scratch[:12], scratch[12:24]
    slope, curved = scratch[24:36], scratch[36:48]
    rotate(pose, cost.tilt[obj], turn)
    for row in range(3):
        for column in range(3):
            entries[4 * row + column] = turn[row, column]
        entries[4 * row + 3] = pose[row]
    dof = 4 if len(pose) == 4 else 6
    half = turn.dtype.type(0.5)
    _apply(form, entries, moment)
    system[0] = half * _dot(entries, moment)
    for row in range(3):
        system[1 + row] = moment[4 * row + 3]
        for column in range(row + 1):
            system[1 + dof + row * (row + 1) // 2 + column] = form[4 * row + 3, 4 * column + 3]
    for axis in range(dof - 3):
        _slope(cost.tilt[obj], turn, axis, dof, slope)
        _apply(form, slope, curved)
        row = 3 + axis
        base = 1 + dof + row * (row + 1) // 2
        system[1 + row] = _dot(slope, moment)
        for column in range(3):
            system[base + column] = curved[4 * column + 3]
        for other in range(axis + 1):
            _slope(cost.tilt[obj], turn, other, dof, slope)
            system[base + 3 + other] = _dot(slope, curved)


@inlined
def _slope(tilt, turn, axis, dof, out):
    """Derivative (12,) of the entries by one rotational step."""
    zero = turn.dtype.type(0)
    if dof == 4:
        ax, ay, az = tilt[0, 1], tilt[1, 1], tilt[2, 1]
    else:
        two = turn.dtype.type(-2)
        ax = two if axis == 0 else zero
        ay = two if axis == 1 else zero
        az = two if axis == 2 else zero
    for column in range(3):
        x, y, z = turn[0, column], turn[1, column], turn[2, column]
        out[column] = ay * z - az * y
        out[4 + column] = az * x - ax * z
        out[8 + column] = ax * y - ay * x
    out[3], out[7], out[11] = zero, zero, zero


@inlined
def _apply(form, vector, out):
    """Write the product of a symmetric matrix (12, 12) with a vector."""
    for row in range(SIZE):
        out[row] = form.dtype.type(0)
    for row in range(SIZE):
        factor = vector[row]
        for column in range(SIZE):
            out[column] += factor * form[row, column]


@inlined
def _dot(first, second):
    total = first.dtype.type(0)
    for index in range(SIZE):
        total += first[index] * second[index]
    return total
