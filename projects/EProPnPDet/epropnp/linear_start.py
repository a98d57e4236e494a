"""Start poses from a linear view of the problem: one pass over the points, and no luck.

Multiplied by its depth, the reprojection error of a point is linear in the entries of [R | t]. The
sum of its squares is then a quadratic form of these twelve numbers, whose matrix is all that is
kept of the points: every further step costs the same for eight points and for eight thousand. The
form is minimised over poses, from rotations spread evenly or, over headings, from what the whole
circle looks like, so that each of its minima is found.

Letters: B objects, n points, K starts, D degrees of freedom, P pose parameters.
Source: the direct linear transform, restricted to rotations as in Terzakis and Lourakis, "A
consistently fast and globally optimal solution to the perspective-n-point problem" (ECCV 2020);
there by eigenvectors of the form and sequential quadratic programming.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product

import torch
from torch import Tensor

from epropnp import linear
from epropnp.arguments import check_count, check_part
from epropnp.backends import Backend, StepRule, default_backend
from epropnp.cost import NormalEquations, weighted_gradient
from epropnp.frames import ObjectFrame
from epropnp.heading_minima import heading_minima
from epropnp.initializers import Start, Starts, lowest_distinct
from epropnp.levenberg_marquardt import TrustRegion
from epropnp.manifolds import PoseManifold
from epropnp.record import Record
from epropnp.reprojection import ReprojectionCost

APART = 0.1  # difference of rotation matrices (Frobenius) that makes two minima: about 4 degrees


@dataclass(frozen=True, eq=False)
class AlgebraicCost(Record):
    """Half the quadratic form of [R | t], flattened by rows: a `PoseCost`.

    Attributes:
        form: (..., B, 12, 12) symmetric, positive semidefinite.
        manifold: space of the poses.
    """

    form: Tensor
    manifold: PoseManifold
    num_residuals: int = 12

    def value(self, pose: Tensor) -> Tensor:
        """Cost (..., B) of poses (..., B, P)."""
        entries = self._entries(pose)
        return 0.5 * (entries * linear.apply(self.form, entries)).sum(-1)

    def normal_equations(self, pose: Tensor) -> NormalEquations:
        """See `PoseCost.normal_equations`."""
        entries, by_step = self._entries(pose), self._jacobian(pose)
        moment = linear.apply(self.form, entries)
        curved = linear.product(by_step, self.form)  # (..., D, 12)
        return NormalEquations(
            0.5 * (entries * moment).sum(-1),
            linear.apply(by_step, moment),
            linear.contract(curved, by_step),
        )

    def weighted_gradient(self, poses, weights, names):
        """See `PoseCost.weighted_gradient`."""
        return weighted_gradient(self, poses, weights, names)

    def place(self, rotation: Tensor) -> Tensor:
        """Best translations (..., B, 3) for rotation matrices (..., B, 3, 3)."""
        _, coupling, of_translation = self.blocks()
        pull = linear.apply(coupling, rotation.flatten(-2))
        return -linear.solve(_regular(of_translation), pull)

    def blocks(self) -> tuple[Tensor, Tensor, Tensor]:
        """Blocks of the form: of the rotation, of translation and rotation, of the translation.

        They are (..., B, 9, 9), (..., B, 3, 9) and (..., B, 3, 3).
        """
        blocks = self.form.unflatten(-1, (3, 4)).unflatten(-3, (3, 4))  # (..., 3, 4, 3, 4)
        of_rotation = blocks[..., :3, :, :3].flatten(-4, -3).flatten(-2)
        return of_rotation, blocks[..., 3, :, :3].flatten(-2), blocks[..., 3, :, 3]

    def _entries(self, pose: Tensor) -> Tensor:
        rotation = self.manifold.rotation_matrix(pose)
        return torch.cat((rotation, pose[..., :3, None]), dim=-1).flatten(-2)

    def _jacobian(self, pose: Tensor) -> Tensor:
        """Derivatives (..., B, D, 12) of the entries by a tangent step."""
        rotation = self.manifold.rotation_matrix(pose)
        identity = torch.eye(3, dtype=pose.dtype, device=pose.device)
        rows = identity.unsqueeze(-1).expand(*rotation.shape[:-2], 3, 3, 3)
        by_turn = self.manifold.turn_gradient(rotation, rows)  # (..., D - 3, 3, 3)
        by_turn = torch.nn.functional.pad(by_turn, (0, 1))
        by_shift = torch.nn.functional.pad(identity.unsqueeze(-1), (3, 0))  # (3, 3, 4)
        by_shift = by_shift.expand(*rotation.shape[:-2], 3, 3, 4)
        return torch.cat((by_shift, by_turn), dim=-3).flatten(-2)


def algebraic_cost(cost: ReprojectionCost, backend: Backend | None = None) -> AlgebraicCost:
    """Quadratic form of the errors times depth, in units of the depth that size suggests.

    So the form is about twice the cost. Robust kernel and clipping are left out. Points without
    weight, and objects without any, are no trouble: they add nothing.
    """
    planar = cost.camera.cam_mats[..., :2, :2]
    residuals = linear.product(planar, cost.camera.rays(cost.points_2d))  # (..., B, 2, n)
    depth = cost.rough_translation()[..., 2].clamp(min=cost.camera.z_min)
    scales = cost.weights / depth[..., None, None]
    backend = backend or default_backend()
    form = backend.algebraic_form(cost.points_obj, residuals, scales, planar)
    return AlgebraicCost(form, cost.manifold)


def _regular(matrix: Tensor) -> Tensor:
    """Matrix (..., 3, 3) that can be inverted, if only by a few units of rounding."""
    diagonal = matrix.diagonal(dim1=-2, dim2=-1)
    eps = torch.finfo(matrix.dtype).eps
    ridge = 8.0 * eps * diagonal.sum(-1, keepdim=True) + torch.finfo(matrix.dtype).tiny
    return matrix + torch.diag_embed(ridge.expand_as(diagonal))


def spread_rotations(like: Tensor) -> Tensor:
    """Quaternions (24, 4), spread evenly over the rotations: the octahedral group."""
    if torch.compiler.is_compiling():  # what is traced is no number to keep
        return _octahedral_group.__wrapped__(like.dtype, like.device)
    return _octahedral_group(like.dtype, like.device)


@cache
def _octahedral_group(dtype: torch.dtype, device: torch.device) -> Tensor:
    """Quaternions (24, 4) of the rotations of a cube; none is further than 63 degrees from one."""
    signs = (q for q in product((1, 0, -1), repeat=4) if sum(map(abs, q)) in (1, 2, 4))
    halves = [q for q in signs if q > (0, 0, 0, 0)]  # one of q and -q
    return torch.nn.functional.normalize(torch.tensor(halves, dtype=dtype, device=device), dim=-1)


def algebraic_minima(
    cost: AlgebraicCost, num_minima: int = 2, num_iter: int = 5, backend: Backend | None = None
) -> Tensor:
    """Lowest minima in front of the camera, distinct in rotation.

    Where there are fewer, the lowest is repeated.

    Args:
        cost: quadratic form of B objects, whose origin is among their points.
        num_minima: how many of each.
        num_iter: Newton steps towards each minimum over headings, or solver steps from each of
            `spread_rotations`.
        backend: arithmetic.

    Returns:
        Poses (num_minima, B, P).
    """
    if cost.manifold.dof == 4:
        return heading_minima(cost, num_minima, num_iter)
    manifold, batch = cost.manifold, cost.form.shape[0]
    turn = spread_rotations(cost.form).unsqueeze(-2)
    turn = turn.expand(-1, batch, -1)
    unplaced = torch.cat((turn.new_zeros((*turn.shape[:-1], 3)), turn), dim=-1)
    start = torch.cat((cost.place(manifold.rotation_matrix(unplaced)), turn), dim=-1)
    found = (backend or default_backend()).minimize(cost, start, num_iter, TrustRegion())

    usable = found.cost.isfinite() & (found.pose_opt[..., 2] > 0)
    left = torch.where(usable, found.cost, torch.inf)
    rotation, objects = (
        manifold.rotation_matrix(found.pose_opt),
        torch.arange(batch, device=turn.device),
    )

    def alike(index: Tensor) -> Tensor:
        return (rotation - rotation[index, objects]).flatten(-2).norm(dim=-1) < APART

    return found.pose_opt[lowest_distinct(left, num_minima, alike), objects]


@dataclass(frozen=True)
class LinearStart:
    """Minima of the algebraic cost, and what another start finds beside them.

    The linear view knows neither the robust kernel nor clipping: where matches hold gross outliers
    a few random subsets beside it find what it cannot,
    ``LinearStart(beside=RSLMSolver(num_proposals=8))``.

    Attributes:
        num_minima: lowest minima of each object.
        num_iter: solver steps on the quadratic form, Newton steps over headings.
        beside: another start, whose poses compete.

    Raises:
        TypeError: a number that is not whole, or ``beside`` is no start.
        ValueError: a number that is too small.
    """

    num_minima: int = 2
    num_iter: int = 5
    beside: Start | None = None

    def __post_init__(self):
        check_count("num_minima", self.num_minima, 1)
        check_count("num_iter", self.num_iter)
        check_part("beside", self.beside, "__call__")

    @torch.no_grad()
    def __call__(
        self,
        cost: ReprojectionCost,
        generator: torch.Generator | None = None,
        rule: StepRule | None = None,
        backend: Backend | None = None,
    ) -> Starts:
        """See `Start`; nothing of it is random, and ``rule`` is for the start beside it alone."""
        rule, backend = rule or TrustRegion(), backend or default_backend()
        frame = ObjectFrame.centered(cost)
        form = algebraic_cost(frame.cost(cost), backend)
        found = algebraic_minima(form, self.num_minima, self.num_iter, backend)
        poses = frame.leave(found)
        values = backend.values(cost, poses)
        starts = Starts(poses, torch.where(values.isnan(), torch.inf, values))
        if self.beside is None:
            return starts
        other = self.beside(cost, generator, rule, backend)
        return Starts(*(torch.cat(both) for both in zip(starts, other, strict=True)))
