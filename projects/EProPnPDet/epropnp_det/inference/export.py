"""The detector as two programs without Python, with the choice of objects between them.

How many objects there are, and which of them survive suppression, is decided by numbers: these two
steps stay in Python. Everything else is exported: :class:`DenseProgram` runs once per image,
:class:`ObjectProgram` once per object::

    images --DenseProgram--> maps --select--> proposals --ObjectProgram--> poses --decode--> boxes

Backbones and heads with mmcv's deformable convolutions cannot be exported: these are functions of
mmcv's extension that torch's tracer does not see into.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..models.detector import EProPnPDet
from ..models.structures import BatchGeometry, DenseOutputs, FeatureMaps, ProposalMaps, Proposals


class ImageTensors(NamedTuple):
    """The tensors of a :class:`BatchGeometry`, without ``camera_to_ground``: level cameras only."""

    cam_intrinsics: Tensor
    img_transforms: Tensor
    img_shapes: Tensor
    ori_shapes: Tensor
    flips: Tensor

    @classmethod
    def of(cls, geometry: BatchGeometry) -> "ImageTensors":
        """Those of a batch.

        Raises:
            ValueError: its cameras are not level.
        """
        if geometry.camera_to_ground is not None:
            raise ValueError("exported programs are for level cameras: level the images first")
        return cls(*(getattr(geometry, name) for name in cls._fields))


class ObjectTensors(NamedTuple):
    """The tensors of :class:`Proposals` that their objects are predicted from."""

    img_inds: Tensor
    point_inds: Tensor
    labels: Tensor
    embeddings: Tensor
    centers: Tensor
    strides: Tensor
    cls_probs: Tensor


class DenseProgram(nn.Module):
    """Normalised images (B, 3, H, W) in, maps out.

    Args:
        detector: in evaluation mode.
        pad_shape: (H, W).
    """

    def __init__(self, detector: EProPnPDet, pad_shape: tuple[int, int]) -> None:
        super().__init__()
        self.detector = detector
        self.pad_shape = pad_shape

    def forward(self, images: Tensor, geometry: ImageTensors) -> list[Tensor]:
        """Key and value map, then logits, centernesses, embeddings and centres of all levels."""
        batch = BatchGeometry(*geometry, pad_shape=self.pad_shape)
        feats = self.detector.extract_feat({"imgs": images})
        dense = self.detector.bbox_head.forward_dense(feats, batch, with_bbox=False)
        maps = dense.proposals
        levels = (maps.cls_logits, maps.centerness_logits, maps.embeddings, maps.centers)
        points = list(maps.points)
        flat = [level for of_kind in (*levels, points) for level in of_kind]
        return [dense.features.key, dense.features.value, *flat]

    def outputs(self, tensors: list[Tensor]) -> DenseOutputs:
        """What the program gave, for the head's ``select``."""
        head = self.detector.bbox_head
        key, value, *flat = tensors
        num = len(head.detector.strides)
        kinds = [list(flat[start : start + num]) for start in range(0, 5 * num, num)]
        cls_logits, centerness, embeddings, centers, points = kinds
        return DenseOutputs(
            ProposalMaps(
                cls_logits, centerness, embeddings, centers, None, points, head.detector.strides
            ),
            FeatureMaps(key, value, head.dense_features.stride),
        )


class ObjectProgram(nn.Module):
    """Proposals of a batch in, poses and what belongs to them out.

    Args:
        detector: in evaluation mode. Its pose solver's start should draw no random numbers
            (:class:`epropnp.LinearStart`): a compiled program draws others than torch.
        pad_shape: (H, W) of the images.
    """

    def __init__(self, detector: EProPnPDet, pad_shape: tuple[int, int]) -> None:
        super().__init__()
        self.head = detector.bbox_head
        self.pad_shape = pad_shape

    def forward(
        self, key: Tensor, value: Tensor, proposals: ObjectTensors, geometry: ImageTensors
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Solve M objects.

        Returns:
            Poses (M, 4), their covariances (M, 4, 4), whether they are valid (M,), dimensions
            (M, 3) and localisation scores (M,).
        """
        head = self.head
        batch = BatchGeometry(*geometry, pad_shape=self.pad_shape)
        chosen = Proposals(*proposals, max_per_img=head.test_settings.max_obj_per_img)
        features = FeatureMaps(key, value, head.dense_features.stride)
        objects = head.predict_objects(features, chosen, batch)
        found = head.pose_solver.solve(objects, batch, chosen.img_inds, with_pose_cov=True)
        return found.poses, found.covariances, found.valid, objects.dims, found.scores


def export_dense(
    program: DenseProgram, images: Tensor, geometry: ImageTensors
) -> torch.export.ExportedProgram:
    """Export for the number and size of images of an example."""
    with torch.no_grad():
        return torch.export.export(program.eval(), (images, geometry), strict=False)


def export_objects(
    program: ObjectProgram,
    key: Tensor,
    value: Tensor,
    proposals: ObjectTensors,
    geometry: ImageTensors,
) -> torch.export.ExportedProgram:
    """Export for the images of an example and any number of objects from one to what they allow."""
    limit = program.head.test_settings.max_obj_per_img * len(geometry.flips)
    objects = torch.export.Dim("objects", min=1, max=limit)
    of_objects = ObjectTensors(*({0: objects} for _ in proposals))
    shapes = (None, None, of_objects, ImageTensors(*(None for _ in geometry)))
    with torch.no_grad():
        return torch.export.export(
            program.eval(),
            (key, value, proposals, geometry),
            dynamic_shapes=shapes,
            strict=False,
        )
