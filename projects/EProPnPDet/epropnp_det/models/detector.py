"""The detector."""

from mmdet3d.models.detectors import SingleStageMono3DDetector
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

from .structures import DenseOutputs


@MODELS.register_module()
class EProPnPDet(SingleStageMono3DDetector):
    """Monocular 3D detector with an EPro-PnP head.

    Backbone and neck come from mmdet; training, testing and the meaning of the arguments are
    those of mmdet3d's monocular detectors.
    """

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the labels."""
        return self.bbox_head.classes

    def _forward(
        self, batch_inputs: dict, batch_data_samples: list[Det3DDataSample]
    ) -> DenseOutputs:
        """Raw dense outputs (mode "tensor")."""
        feats: tuple[Tensor, ...] = self.extract_feat(batch_inputs)
        return self.bbox_head(feats, self.bbox_head.geometry(feats, batch_data_samples))
