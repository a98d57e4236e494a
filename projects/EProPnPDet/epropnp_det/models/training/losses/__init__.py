"""Loss functions of the detector, and the losses of its dense and object stages."""

from .mixture_nll import MVDGaussianMixtureNLLLoss
from .mixture_smooth_l1 import MixtureSmoothL1Loss
from .object_loss import ObjectLoss
from .proposal_loss import ProposalLoss
from .regression import CosineAngleLoss, VectorSmoothL1Loss

__all__ = [
    "CosineAngleLoss",
    "MVDGaussianMixtureNLLLoss",
    "MixtureSmoothL1Loss",
    "ObjectLoss",
    "ProposalLoss",
    "VectorSmoothL1Loss",
]
