"""From a proposal to the query with which the object looks for its correspondences."""

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule, xavier_init
from torch import Tensor, nn

from .position_encoding import encode_points


@MODELS.register_module()
class ObjectQuery(BaseModule):
    """Add the class to the object embedding and its centre to the query.

    Args:
        embed_dims: channels C of embedding and query.
        num_heads: attention heads H.
        num_classes: number of classes with an own learnt embedding; None for no class embedding.
    """

    def __init__(
        self, embed_dims: int = 256, num_heads: int = 8, num_classes: int | None = None
    ) -> None:
        super().__init__()
        self.embed_dims = embed_dims
        self.num_heads = num_heads
        self.class_embedding = (
            None if num_classes is None else nn.Parameter(torch.zeros(num_classes, embed_dims))
        )
        self.embedding_scale = nn.Parameter(torch.tensor(0.1))
        self.projection = nn.Linear(embed_dims, embed_dims)

    def init_weights(self) -> None:
        """Xavier uniform; class embeddings stay 0."""
        super().init_weights()
        xavier_init(self.projection, distribution="uniform")

    def forward(
        self, embeddings: Tensor, labels: Tensor, centers: Tensor, img_shapes: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compute embeddings and queries.

        Args:
            embeddings: (M, C) of the proposals.
            labels: (M,) long.
            centers: (M, 2) aug pixels.
            img_shapes: (M, 2) (height, width) of the objects' images before padding.

        Returns:
            Embeddings (M, C) that know their class, and queries (M, H, C / H).
        """
        if self.class_embedding is not None:
            embeddings = embeddings + self.class_embedding[labels]
        positions = encode_points(centers, img_shapes, self.embed_dims)
        query = self.projection(self.embedding_scale * embeddings + positions)
        return embeddings, query.unflatten(-1, (self.num_heads, -1))
