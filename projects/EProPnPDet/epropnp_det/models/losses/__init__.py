"""Loss functions of the detector, and the losses of its dense and object stages."""

from .mixture_nll import MVDGaussianMixtureNLLLoss
from .object_loss import ObjectLoss
from .proposal_loss import ProposalLoss
from .regression import CosineAngleLoss, SmoothL1LossMod

__all__ = [
    "CosineAngleLoss",
    "MVDGaussianMixtureNLLLoss",
    "ObjectLoss",
    "ProposalLoss",
    "SmoothL1LossMod",
]
