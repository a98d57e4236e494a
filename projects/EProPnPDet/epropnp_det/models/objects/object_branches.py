"""What is predicted once per object: dimensions, velocity, attribute, score and weight scale."""

from typing import NamedTuple

import torch
from mmdet3d.registry import MODELS, TASK_UTILS
from mmengine.model import BaseModule, constant_init, xavier_init
from torch import Tensor, nn

from ..geometry.mirror import mirror_axis


class ObjectProperties(NamedTuple):
    """Predictions of :class:`ObjectBranches`; fields as in ``ObjectPredictions``."""

    scale: Tensor
    score_logits: Tensor
    dims_code: Tensor
    dims: Tensor
    velocities: Tensor | None
    attr_logits: Tensor | None


@MODELS.register_module()
class ObjectBranches(BaseModule):
    """Linear branches on the object embedding after attention.

    Weight scale and score read the embedding itself, the others read it through two layers.

    Args:
        embed_dims: channels C.
        num_classes: number of classes K; dimensions are predicted for each.
        num_attrs: number of attributes; 0 for no attribute branch.
        with_velocity: predict (vx, vz).
        dim_coder: config of the coder of dimensions.
        xavier_shared_layers: start these two layers by Xavier's rule; by torch's if not (v1).
        fixed_scale: weight scale of all objects in 1 / pixel; predicted if None.
    """

    def __init__(
        self,
        embed_dims: int,
        num_classes: int,
        dim_coder: dict,
        num_attrs: int = 9,
        with_velocity: bool = True,
        xavier_shared_layers: bool = True,
        fixed_scale: float | None = None,
    ) -> None:
        super().__init__()
        self.fixed_scale = fixed_scale
        self.xavier_shared_layers = xavier_shared_layers
        self.num_classes = num_classes
        self.dim_coder = TASK_UTILS.build(dim_coder)
        self.scale_branch = nn.Linear(embed_dims, 2) if fixed_scale is None else None
        self.score_branch = nn.Linear(embed_dims, 1)
        self.shared_layers = nn.Sequential(
            nn.Linear(embed_dims, embed_dims),
            nn.ReLU(inplace=True),
            nn.Linear(embed_dims, embed_dims),
            nn.ReLU(inplace=True),
        )
        self.dim_branch = nn.Linear(embed_dims, 3 * num_classes)
        self.velocity_branch = nn.Linear(embed_dims, 2) if with_velocity else None
        self.attr_branch = nn.Linear(embed_dims, num_attrs) if num_attrs else None

    @property
    def optional_branches(self) -> dict[str, bool]:
        """Which of the branches that a config can leave out there are, by the loss of each."""
        return {
            "loss_velo": self.velocity_branch is not None,
            "loss_attr": self.attr_branch is not None,
        }

    def init_weights(self) -> None:
        """Unit weight scale; Xavier uniform for the shared layers, unless told otherwise."""
        super().init_weights()
        if self.scale_branch is not None:
            constant_init(self.scale_branch, 0.0)
        if not self.xavier_shared_layers:
            return
        for layer in self.shared_layers:
            if isinstance(layer, nn.Linear):
                xavier_init(layer, distribution="uniform")

    def forward(self, embeddings: Tensor, labels: Tensor, flips: Tensor) -> ObjectProperties:
        """Predict the properties.

        Args:
            embeddings: (M, C) after attention.
            labels: (M,) long.
            flips: (M,) bool, the object was seen mirrored; vx is given unmirrored.
        """
        shared = self.shared_layers(embeddings)
        codes = self.dim_branch(shared).unflatten(-1, (self.num_classes, 3))
        dims_code = codes[torch.arange(labels.shape[0], device=labels.device), labels]
        velocities = None
        if self.velocity_branch is not None:
            velocities = mirror_axis(self.velocity_branch(shared), flips, axis=0)
        return ObjectProperties(
            scale=self._scale(embeddings),
            score_logits=self.score_branch(embeddings).squeeze(-1),
            dims_code=dims_code,
            dims=self.dim_coder.decode(dims_code, labels),
            velocities=velocities,
            attr_logits=None if self.attr_branch is None else self.attr_branch(shared),
        )

    def _scale(self, embeddings: Tensor) -> Tensor:
        """Weight scale (M, 2)."""
        if self.scale_branch is None:
            return embeddings.new_full((len(embeddings), 2), self.fixed_scale)
        return self.scale_branch(embeddings).exp()
