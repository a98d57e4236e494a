"""Batched solution of small symmetric positive definite systems, one bad system at a time.

Only `torch.linalg.cholesky_ex` is used: it reports a failed factorisation per system, where other
routines raise and take the whole batch down, or wait for the device to know.
"""

import torch
from torch import Tensor

ABSOLUTE_DAMPING = 1e-5  # published; keeps an object without information solvable
ROUNDING_MARGIN = 8.0  # the damping is at least this many units of rounding of the diagonal


def damped(matrix: Tensor, damping: float = ABSOLUTE_DAMPING) -> Tensor:
    """Add ``damping`` to the diagonal of (..., D, D), or more where rounding would swallow it.

    In float32 the published 1e-5 vanishes next to entries of 1e4 to 1e8, and a singular matrix
    stays singular; a few units of rounding relative to the diagonal are always seen.
    """
    diagonal = matrix.diagonal(dim1=-2, dim2=-1).detach()
    relative = ROUNDING_MARGIN * torch.finfo(matrix.dtype).eps
    return matrix + torch.diag_embed((relative * diagonal).clamp(min=damping))


def factorize(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Cholesky factors (..., D, D) and a mask (...,) of the matrices that have one.

    A matrix that has none gets the factor of the identity.
    """
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    with torch.no_grad():
        factor, info = torch.linalg.cholesky_ex(matrix)
        solved = (info == 0) & factor.isfinite().flatten(-2).all(-1)
    safe = torch.where(solved[..., None, None], matrix, identity)
    if safe.requires_grad:
        return torch.linalg.cholesky_ex(safe).L, solved
    return torch.where(solved[..., None, None], factor, identity), solved


def solve(matrix: Tensor, vector: Tensor) -> Tensor:
    """Solve (..., D, D) systems for (..., D); the solution of a failed system is zero."""
    factor, solved = factorize(matrix)
    solution = torch.cholesky_solve(vector.unsqueeze(-1), factor).squeeze(-1)
    return torch.where(solved.unsqueeze(-1), solution, torch.zeros_like(solution))


def inverse(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Inverse of (..., D, D) and a mask (...,); a failed matrix has the identity as inverse."""
    factor, solved = factorize(matrix)
    return torch.cholesky_inverse(factor), solved
