"""Batched small matrices: their products, and symmetric positive definite systems.

Products are sums of elementwise ones. A matrix unit would be no faster at these sizes, and its
float32 may be TF32 or bfloat16 (`torch.set_float32_matmul_precision`), which is good enough for
weights of a network but not for pixels and poses: a relative 5e-4 is half a pixel in a thousand.

Systems are solved with `torch.linalg.cholesky_ex` only: it reports a failed factorisation per
system, where other routines raise and take the whole batch down, or wait for the device to know.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

ABSOLUTE_DAMPING = 1e-5  # published; keeps an object without information solvable
ROUNDING_MARGIN = 8.0  # the damping is at least this many units of rounding of the diagonal


def product(left: Tensor, right: Tensor) -> Tensor:
    """Matrix product (..., m, n) of (..., m, k) and (..., k, n), for a small k."""
    total = left[..., :1] * right[..., :1, :]
    for i in range(1, left.shape[-1]):
        total = torch.addcmul(total, left[..., i : i + 1], right[..., i : i + 1, :])
    return total


def apply(matrix: Tensor, vector: Tensor) -> Tensor:
    """Vectors (..., m): matrices (..., m, k) times vectors (..., k)."""
    return (matrix * vector.unsqueeze(-2)).sum(-1)


def contract(left: Tensor, right: Tensor) -> Tensor:
    """Sums over the last axis, (..., m, n), of rows (..., m, k) times rows (..., n, k).

    For a few rows and a large k, such as J^T J.
    """
    return torch.stack([(row.unsqueeze(-2) * right).sum(-1) for row in left.unbind(-2)], dim=-2)


def constants(values: Sequence[float], like: Tensor) -> Tensor:
    """Numbers (k,) on the device of ``like``, written there: a copy from the host would wait."""
    return torch.cat([like.new_full((1,), value) for value in values])


def damped(matrix: Tensor, damping: float = ABSOLUTE_DAMPING) -> Tensor:
    """Add ``damping`` to the diagonal of (..., D, D), or more where rounding would swallow it.

    In float32 the published 1e-5 vanishes next to entries of 1e4 to 1e8, and a singular matrix
    stays singular; a few units of rounding relative to the diagonal are always seen.
    """
    diagonal = matrix.diagonal(dim1=-2, dim2=-1).detach()
    relative = ROUNDING_MARGIN * torch.finfo(matrix.dtype).eps
    return matrix + torch.diag_embed((relative * diagonal).clamp(min=damping))


def factorize(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Cholesky factors (..., D, D) and a mask (...,) of the matrices that have one; no gradient.

    A matrix that has none gets the factor of the identity.
    """
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    factor, info = torch.linalg.cholesky_ex(matrix.detach())
    solved = (info == 0) & factor.isfinite().flatten(-2).all(-1)
    return torch.where(solved[..., None, None], factor, identity), solved


def substituted(factor: Tensor, columns: Tensor) -> Tensor:
    """Solution (..., D, k) of systems with Cholesky factors (..., D, D); no gradient.

    `torch.cholesky_solve` of a GPU waits for it, and cannot be captured in a CUDA graph.
    """
    half = torch.linalg.solve_triangular(factor, columns, upper=False)
    return torch.linalg.solve_triangular(factor.mT, half, upper=True)


def solve(matrix: Tensor, vector: Tensor) -> Tensor:
    """Solve symmetric (..., D, D) systems for (..., D); the solution of a failed system is zero.

    Differentiable, more than once; a failed system has no gradient.
    """
    return _Solve.apply(matrix, vector)


class _Solve(torch.autograd.Function):
    """x = A^-1 b with the gradients A^-1 g and -(A^-1 g) x^T.

    That of a Cholesky factor would go through products on the matrix unit.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(matrix, vector):
        factor, solved = factorize(matrix)
        solution = substituted(factor, vector.unsqueeze(-1)).squeeze(-1)
        return torch.where(solved.unsqueeze(-1), solution, torch.zeros_like(solution))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0], output)

    @staticmethod
    def backward(ctx, grad):
        matrix, solution = ctx.saved_tensors
        by_vector = solve(matrix, grad)
        return -by_vector.unsqueeze(-1) * solution.unsqueeze(-2), by_vector


def inverse(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Inverse of (..., D, D) and a mask (...,), without gradient.

    A failed matrix has the identity as inverse.
    """
    factor, solved = factorize(matrix)
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    rows = torch.linalg.solve_triangular(factor, identity.expand_as(factor), upper=False).mT
    return contract(rows, rows), solved
