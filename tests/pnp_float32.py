"""How far the PnP solver in float32 may be from recorded float64 poses, and how far it is."""

from pathlib import Path

import torch

from epropnp import LMSolver
from pnp_golden import Case


def float32_error(path: Path, number: int) -> float:
    """Distance of float32 poses to the recorded float64 ones, in multiples of what rounding allows.

    The solver accepts a step by comparing two costs. Each is a sum with a rounding error of a few
    units ``u = 2**-24``, and of projections of ``p`` pixels that are known to some four units
    (product with the intrinsics, sum, division, subtraction), which a weighted residual ``r``
    carries into the cost: so within ``E = 4 u C + 2 sum |r| 4 u w p`` of the smallest cost ``C`` it
    cannot tell poses apart. With ``C(pose) - C = d^T H d / 2``, ``H`` the Hessian, those are the
    poses with ``d^T H d <= 2 E``. The bound in metres and radians follows from each object's own
    points; it holds for any order of summation, so on any processor.
    """
    case = Case(path, number)
    single = case.float32()
    pose = LMSolver(case.dof, 10).solve(single.cost(), single.tensor("pose_init")).pose_opt
    assert pose.dtype == torch.float32
    cost, recorded = case.cost(), case.out("lm10_pose")
    lin = cost.linearize(recorded)
    moved = (lin.jacobian @ _tangent(cost.manifold, recorded, pose.double())).square().sum((1, 2))
    pixels = (cost.weights * cost.points_2d).abs().flatten(1)
    error = 2**-24 * (4 * lin.value + 8 * (lin.residual.abs() * pixels).sum(1))
    return (moved / (2 * error)).sqrt().max().item()


def _tangent(manifold, origin: torch.Tensor, pose: torch.Tensor) -> torch.Tensor:
    """(B, D, 1) step from one pose to another nearby, to first order."""
    zero = origin.new_zeros(len(origin), manifold.dof)
    units = torch.eye(manifold.dof, dtype=origin.dtype).unsqueeze(1).expand(-1, *zero.shape)
    moves = [torch.func.jvp(lambda d: manifold.retract(origin, d), (zero,), (u,))[1] for u in units]
    return torch.linalg.lstsq(torch.stack(moves, -1), (pose - origin)[..., None]).solution
