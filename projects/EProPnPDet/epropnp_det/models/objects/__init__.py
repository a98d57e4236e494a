"""From a proposal to the correspondences of an object.

In order: :mod:`.dense_features` (key and value maps, once per image), :mod:`.object_query`,
:mod:`.deformable_attention_sampler` (with :mod:`.image_points`), :mod:`.object_branches`,
:mod:`.correspondence_head`.
"""

from .coders import MultiClassLogDimCoder
from .correspondence_head import CorrespondenceHead
from .deformable_attention_sampler import DeformableAttentionSampler
from .dense_features import DenseFeatures
from .image_points import AnalyticImagePoints, RasterImagePoints
from .object_branches import ObjectBranches
from .object_query import ObjectQuery

__all__ = [
    "AnalyticImagePoints",
    "CorrespondenceHead",
    "DeformableAttentionSampler",
    "DenseFeatures",
    "MultiClassLogDimCoder",
    "ObjectBranches",
    "ObjectQuery",
    "RasterImagePoints",
]
