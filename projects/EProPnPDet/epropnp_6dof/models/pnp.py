"""The 6DoF layer, camera and cost of a batch of crops."""

from dataclasses import dataclass

import epropnp
from epropnp.fitting import PublishedFit
from epropnp.proposals import QuaternionProposals

from .structures import CropBatch

Z_MIN = 0.01  # metres
BORDER_CELLS = 30  # projections are clipped this many cells outside the crop


@dataclass(frozen=True)
class PnPSettings:
    """Settings of the layer; the defaults are those of the published training.

    Attributes:
        mc_samples: Monte Carlo samples in all.
        mc_iterations: rounds of adaptive importance sampling.
        lm_iterations: Levenberg-Marquardt steps.
        num_proposals: random subsets tried for the start pose.
        num_points: points per subset.
        proposal_iterations: steps of each subset.
        relative_delta: Huber delta relative to mean weight times spread of the pixels.
        published: fit proposals and run the fast mode as the published code does, see `epropnp`.
    """

    mc_samples: int = 512
    mc_iterations: int = 4
    lm_iterations: int = 5
    num_proposals: int = 4
    num_points: int = 16
    proposal_iterations: int = 3
    relative_delta: float = 0.1
    published: bool = False

    def build_layer(self) -> epropnp.EProPnP6DoF:
        """Probabilistic PnP layer."""
        initializer = epropnp.RSLMSolver(
            dof=6,
            num_points=self.num_points,
            num_proposals=self.num_proposals,
            num_iter=self.proposal_iterations,
        )
        solver = epropnp.LMSolver(
            dof=6,
            num_iter=self.lm_iterations,
            init_solver=initializer,
            published_fast_mode=self.published,
        )
        return epropnp.EProPnP6DoF(
            mc_samples=self.mc_samples,
            num_iter=self.mc_iterations,
            solver=solver,
            proposals=QuaternionProposals(rule=PublishedFit()) if self.published else None,
        )

    def build_cost(self) -> epropnp.AdaptiveHuberPnPCost:
        """Reprojection cost."""
        return epropnp.AdaptiveHuberPnPCost(
            relative_delta=self.relative_delta, every_point=self.published
        )


def crop_camera(batch: CropBatch, grid_size: int | None) -> epropnp.PerspectiveCamera:
    """Camera of the crops; with a grid size (cells) projections are clipped around the crop."""
    camera = epropnp.PerspectiveCamera(z_min=Z_MIN)
    if grid_size is None:
        return camera.bind(batch.cam_mats)
    margin = BORDER_CELLS * batch.grid_step[:, None]
    extent = (grid_size - 1) * batch.grid_step[:, None]
    return camera.bind(
        batch.cam_mats, lb=batch.grid_origin - margin, ub=batch.grid_origin + extent + margin
    )
