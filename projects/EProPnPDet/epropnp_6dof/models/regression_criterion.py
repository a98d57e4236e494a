"""Training losses without the layer: coordinates and object mask, as CDPN is trained."""

from mmdet3d.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional

from .losses import coordinate_loss
from .structures import CropBatch, DenseMaps


@MODELS.register_module()
class CoordRegressionCriterion(nn.Module):
    """Masked L1 of coordinates, and cross entropy of the object mask.

    Both weight logits are trained as mask logits, so that the result can be solved by
    `RansacPnPSolver` and is a start for `MonteCarloCriterion`. The weight scale stays untrained.

    Args:
        coord_weight: weight of the coordinate loss.
        mask_weight: weight of the mask loss.
    """

    def __init__(self, coord_weight: float = 1.0, mask_weight: float = 0.1) -> None:
        super().__init__()
        self.coord_weight = coord_weight
        self.mask_weight = mask_weight

    def forward(self, maps: DenseMaps, batch: CropBatch) -> dict[str, Tensor]:
        """Weighted losses of B crops."""
        coord = coordinate_loss(maps.noc, batch.noc_gt, batch.mask_gt)
        mask = functional.binary_cross_entropy_with_logits(
            maps.weight_logits, batch.mask_gt.clamp(0, 1).expand_as(maps.weight_logits)
        )
        return {"loss_coord": self.coord_weight * coord, "loss_mask": self.mask_weight * mask}
