"""Start poses: many small problems on random points, of which the best solution wins.

Source: EPro-PnP (arXiv 2203.13254), appendix on the initialisation of the solver.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from epropnp.cost import PoseCost, ReprojectionCost
from epropnp.levenberg_marquardt import Solution, levenberg_marquardt
from epropnp.sample_cost import ChunkedSampleCost

TINY = 1e-6  # published floor of the image spread, on the plane z = 1


Minimizer = Callable[[PoseCost, Tensor, int], Solution]


@dataclass(frozen=True)
class RSLMSolver:
    """Solve random subsets of the correspondences and keep the pose that fits all of them best.

    Attributes:
        dof: 4 or 6; only to check that it is that of the cost, if given.
        num_points: points in a subset, drawn without replacement with the weights as chances.
        num_proposals: subsets per object.
        num_iter: solver steps on each subset.
    """

    dof: int | None = None
    num_points: int = 16
    num_proposals: int = 64
    num_iter: int = 3

    @torch.no_grad()
    def __call__(
        self,
        cost: ReprojectionCost,
        generator: torch.Generator | None = None,
        minimize: Minimizer = levenberg_marquardt,
    ) -> tuple[Tensor, Tensor]:
        """Start poses (B, P) and their costs (B,); infinite where no proposal has a cost.

        Raises:
            ValueError: the cost has other degrees of freedom.
        """
        if self.dof is not None and self.dof != cost.manifold.dof:
            raise ValueError(f"start with dof={self.dof} used for dof={cost.manifold.dof}")
        index = draw_subsets(cost.weights, self.num_proposals, self.num_points, generator)
        rotation = cost.manifold.random_rotation(index.shape[:-1], cost.points_obj, generator)
        return self.best_of(cost, index, rotation, minimize)

    @torch.no_grad()
    def best_of(
        self,
        cost: ReprojectionCost,
        index: Tensor,
        rotation: Tensor,
        minimize: Minimizer = levenberg_marquardt,
    ) -> tuple[Tensor, Tensor]:
        """The same for given subsets (Q, B, k) and start rotations (Q, B, P - 3)."""
        translation = start_translation(cost).expand(*rotation.shape[:-1], 3)
        start = torch.cat((translation, rotation), dim=-1)
        poses = minimize(cost.subset(index), start, self.num_iter).pose
        values = ChunkedSampleCost().values(cost, poses).nan_to_num(nan=torch.inf, posinf=torch.inf)
        value, best = values.min(dim=0)
        return poses.gather(0, best[None, :, None].expand(1, -1, poses.shape[-1]))[0], value


def draw_subsets(
    weights: Tensor, num_subsets: int, num_points: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draw subsets of distinct points, with chances in proportion to their weights.

    Points without weight come last: they fill up a subset when there are no others.

    Args:
        weights: (B, 2, n), not negative.
        num_subsets: Q.
        num_points: points per subset; all of them if there are fewer.
        generator: source of random numbers.

    Returns:
        (Q, B, k) indices.
    """
    chance = weights.mean(-2).clamp(min=0)
    waiting = torch.empty((num_subsets, *chance.shape), dtype=chance.dtype, device=chance.device)
    waiting.exponential_(generator=generator)
    # the point with the largest rate / waiting time comes first: a draw without replacement
    return (chance / waiting).topk(min(num_points, chance.shape[-1]), dim=-1, sorted=False).indices


def start_translation(cost: ReprojectionCost) -> Tensor:
    """Rough translation (B, 3) from the image position and the size of the point cloud, metres.

    Depth is object size over image size: the height for a yaw pose, whose vertical extent does
    not change with rotation, and the overall extent otherwise.
    """
    rays = cost.camera.rays(cost.points_2d)
    center = rays.sum(-1) / max(rays.shape[-1], 1)
    extent_image, extent_obj = _deviation(rays), _deviation(cost.points_obj)
    if cost.manifold.dof == 4:
        depth = extent_obj[..., 1] / extent_image[..., 1].clamp(min=TINY)
    else:
        diagonal = (2.0 / 3.0) ** 0.5 * extent_obj.norm(dim=-1)
        depth = diagonal / extent_image.norm(dim=-1).clamp(min=TINY)
    return torch.cat((center, torch.ones_like(center[..., :1])), dim=-1) * depth.unsqueeze(-1)


def _deviation(points: Tensor) -> Tensor:
    """Unbiased standard deviation (..., k) of points (..., k, n); zero for a single point."""
    num = points.shape[-1]
    centered = points - points.sum(-1, keepdim=True) / max(num, 1)
    return (centered.square().sum(-1) / max(num - 1, 1)).sqrt()
