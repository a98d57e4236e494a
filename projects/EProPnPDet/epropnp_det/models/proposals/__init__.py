"""Where objects may be: the dense proposal head, and the choice among its points."""

from .fcos_emb_head import FCOSEmbHead
from .selection import gather_proposals, select_points

__all__ = ["FCOSEmbHead", "gather_proposals", "select_points"]
