"""The detector, stage by stage; importing registers all of it.

Read :mod:`.structures` first (what travels between the stages), then :mod:`.head` (their order).
Letters and frames are those of :mod:`epropnp_det`.
"""

from .auxiliary import AuxiliaryLosses, LidarDepthHead
from .coders import MultiClassLogDimCoder
from .correspondence_head import CorrespondenceHead
from .deformable_attention_sampler import DeformableAttentionSampler
from .dense_features import DenseFeatures
from .detector import EProPnPDet
from .fcos_emb_head import FCOSEmbHead
from .head import DeformPnPHead
from .image_points import AnalyticImagePoints, RasterImagePoints
from .losses import ObjectLoss, ProposalLoss
from .object_branches import ObjectBranches
from .object_query import ObjectQuery
from .pnp_layer import PoseSolver
from .training import DetectionCriterion
from .tta import EProPnPDetTTAModel

__all__ = [
    "AnalyticImagePoints",
    "AuxiliaryLosses",
    "CorrespondenceHead",
    "DeformPnPHead",
    "DeformableAttentionSampler",
    "DenseFeatures",
    "DetectionCriterion",
    "EProPnPDet",
    "EProPnPDetTTAModel",
    "FCOSEmbHead",
    "LidarDepthHead",
    "MultiClassLogDimCoder",
    "ObjectBranches",
    "ObjectLoss",
    "ObjectQuery",
    "PoseSolver",
    "ProposalLoss",
    "RasterImagePoints",
]
