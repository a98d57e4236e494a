"""Dense head that is told which object it looks at."""

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from .dense_head import DenseCorrespondenceHead
from .structures import DenseMaps


@MODELS.register_module()
class ObjectAwareHead(DenseCorrespondenceHead):
    """`DenseCorrespondenceHead` with an output layer of its own for each object.

    The object in a crop is known: it was asked for, or a detector named it. So one network of many
    objects need not recognise it again, and no object's coordinates are averaged with another's. An
    embedding of the object is added to the feature (it begins at zero), and each object has its own
    last layers. Not part of the published network.

    Args:
        obj_ids: objects of the data set; crops of others are refused.
        in_channels: channels of the backbone feature.
        channels: width of the stages.
        num_stages: stages, each doubles the resolution.
    """

    def __init__(
        self,
        obj_ids: tuple[int, ...] | list[int],
        in_channels: int = 512,
        channels: int = 256,
        num_stages: int = 3,
    ) -> None:
        super().__init__(in_channels, channels, num_stages, num_objects=len(obj_ids))
        self.obj_ids = tuple(obj_ids)
        self.embedding = nn.Embedding(len(obj_ids), in_channels)

    def forward(self, feature: Tensor, obj_ids: list[int] | None = None) -> DenseMaps:
        """Map a feature (B, C, H, W) of B known objects to maps of 2^num_stages times its size.

        Raises:
            ValueError: without object ids, or for one that the network was not made for.
        """
        objects = self._indices(obj_ids).to(feature.device)
        maps = super().forward(feature + self.embedding(objects)[:, :, None, None])
        rows = torch.arange(len(objects), device=feature.device)
        return DenseMaps(
            *(field.unflatten(1, (len(self.obj_ids), -1))[rows, objects] for field in maps)
        )

    def init_weights(self) -> None:
        """As the base class, the embedding at zero."""
        super().init_weights()
        nn.init.zeros_(self.embedding.weight)

    def _indices(self, obj_ids: list[int] | None) -> Tensor:
        if obj_ids is None:
            raise ValueError("ObjectAwareHead needs the object of each crop (data_samples)")
        unknown = sorted(set(obj_ids) - set(self.obj_ids))
        if unknown:
            raise ValueError(
                f"object {unknown[0]} is none of the head's obj_ids {list(self.obj_ids)}: add it "
                "in the config and train, or leave its crops out (selection.obj_ids)"
            )
        return torch.tensor([self.obj_ids.index(obj_id) for obj_id in obj_ids], dtype=torch.long)
