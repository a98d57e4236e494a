"""Cholesky factors of small matrices."""

import numpy as np

from epropnp.backends.numba_cpu.compiled import inlined


@inlined
def cholesky(matrix, factor, size):
    """Write the lower factor of a symmetric matrix; False, with part of it, where it has none."""
    zero = factor.dtype.type(0)
    for row in range(size):
        for column in range(row + 1):
            total = matrix[row, column]
            for k in range(column):
                total -= factor[row, k] * factor[column, k]
            if row == column:
                if not (total > zero) or not np.isfinite(total):
                    return False
                factor[row, row] = np.sqrt(total)
            else:
                factor[row, column] = total / factor[column, column]
    return True
