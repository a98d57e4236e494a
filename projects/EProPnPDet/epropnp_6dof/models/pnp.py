"""The 6DoF layer, camera and cost of a batch of crops."""

from torch import nn

import epropnp
from epropnp_mm.layer import build_part, merge_settings

from .structures import CropBatch

BORDER_CELLS = 30  # projections are clipped this many cells outside the crop

# The settings of the published training; a config replaces single entries, or whole parts.
PNP = dict(
    type="EProPnP6DoF",
    mc_samples=512,
    num_iter=4,
    solver=dict(
        type="LMSolver",
        dof=6,
        num_iter=5,
        init_solver=dict(type="RSLMSolver", dof=6, num_points=16, num_proposals=4, num_iter=3),
    ),
)
CAMERA = dict(type="PerspectiveCamera", z_min=0.01)  # metres
COST_FUN = dict(type="AdaptiveHuberPnPCost", relative_delta=0.1)


class CropPnP(nn.Module):
    """The layer with the camera and the cost that crops are solved with.

    Each argument holds entries that replace those of the constant of its name, recursively; a part
    with another ``type`` replaces the whole part. Any registered class will do, one's own too.

    Args:
        pnp: of ``PNP``, for instance ``dict(mc_samples=128, solver=dict(num_iter=3))``.
        camera: of ``CAMERA``.
        cost_fun: of ``COST_FUN``.
    """

    def __init__(
        self, pnp: dict | None = None, camera: dict | None = None, cost_fun: dict | None = None
    ) -> None:
        super().__init__()
        self.layer = build_part(merge_settings(PNP, pnp or {}))
        self.camera = build_part(merge_settings(CAMERA, camera or {}))
        self.cost_fun = build_part(merge_settings(COST_FUN, cost_fun or {}))

    def bind_camera(self, batch: CropBatch, grid_size: int | None) -> epropnp.PerspectiveCamera:
        """Camera of the crops; with a grid size (cells) projections are clipped around the crop."""
        if grid_size is None:
            return self.camera.bind(batch.cam_mats)
        margin = BORDER_CELLS * batch.grid_step[:, None]
        extent = (grid_size - 1) * batch.grid_step[:, None]
        return self.camera.bind(
            batch.cam_mats, lb=batch.grid_origin - margin, ub=batch.grid_origin + extent + margin
        )
