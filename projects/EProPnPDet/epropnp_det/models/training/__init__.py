"""Training: targets, losses of the stages, auxiliary tasks, and the criterion that runs them."""

from .auxiliary import AuxiliaryLosses, LidarDepthHead
from .criterion import DetectionCriterion
from .losses import ObjectLoss, ProposalLoss

__all__ = [
    "AuxiliaryLosses",
    "DetectionCriterion",
    "LidarDepthHead",
    "ObjectLoss",
    "ProposalLoss",
]
