"""Flip test-time augmentation: the views of an image share one PnP problem.

The maps of the views are averaged to select objects, each view gives its own correspondences, and
all correspondences of an object are solved together.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.model import BaseTTAModel
from mmengine.structures import InstanceData
from torch import Tensor

from .head import DeformPnPHead
from .proposals.levels import find_cells, mirror_columns, mirrored_values_at
from .proposals.selection import centers_of, gather_proposals
from .structures import BatchGeometry, FeatureMaps, ObjectPredictions, ProposalMaps, Proposals


class DenseView(NamedTuple):
    """One view of a batch.

    Attributes:
        maps: proposal maps, on the grid of the view.
        features: key and value maps of the view.
        geometry: the view.
        is_flipped: all its images are flipped; otherwise none is.
        mirror: how its maps come to the grid of the unflipped view, see :class:`InferenceSettings`.
    """

    maps: ProposalMaps
    features: FeatureMaps
    geometry: BatchGeometry
    is_flipped: bool
    mirror: str

    def aligned(self, levels: list[Tensor]) -> list[Tensor]:
        """Maps of the view on the grid of the unflipped one."""
        if not self.is_flipped:
            return levels
        if self.mirror == "reverse":
            return [level.flip(-1) for level in levels]
        widths = self.geometry.img_shapes[:, 1]
        return [
            mirror_columns(level, widths / stride)
            for level, stride in zip(levels, self.maps.strides, strict=True)
        ]

    def proposals(
        self, cls_logits: list[Tensor], img_inds: Tensor, point_inds: Tensor, labels: Tensor
    ) -> Proposals:
        """What the view says about points of the unflipped grid.

        Only places change: centres stay in the pixels of the view.

        Args:
            cls_logits: of all views, on the unflipped grid.
            img_inds: (M,) image of each object.
            point_inds: (M,) point.
            labels: (M,) label.
        """
        maps = self.maps._replace(cls_logits=cls_logits)
        chosen = gather_proposals(maps, img_inds, point_inds, labels)
        if not self.is_flipped:
            return chosen
        cells = find_cells(cls_logits, img_inds, point_inds)
        widths = self.geometry.img_shapes[img_inds, 1] / chosen.strides
        if self.mirror == "reverse":
            widths = cells.widths.to(widths)
        centers = mirrored_values_at(maps.centers, cells, widths)
        return chosen._replace(
            embeddings=mirrored_values_at(maps.embeddings, cells, widths),
            centers=centers_of(centers, labels),
        )


@MODELS.register_module()
class EProPnPDetTTAModel(BaseTTAModel):
    """Test-time augmentation of an :class:`EProPnPDet` by flipped views, the unflipped one first.

    Args:
        module: the detector or its config.
    """

    def test_step(self, data: dict) -> list[Det3DDataSample]:
        """Predict a batch whose inputs and data samples are lists over the views."""
        views = [
            self.module.data_preprocessor({key: value[view] for key, value in data.items()}, False)
            for view in range(len(data["data_samples"]))
        ]
        feats = [self.module.extract_feat(view["inputs"]) for view in views]
        samples = [view["data_samples"] for view in views]
        results = predict_views(self.module.bbox_head, feats, samples)
        return self.module.add_pred_to_datasample(samples[0], results)

    def merge_preds(self, data_samples_list: list[list[Det3DDataSample]]) -> list[Det3DDataSample]:
        """Views are merged before they are solved; there is nothing left to merge."""
        raise TypeError("EProPnPDetTTAModel merges correspondences in test_step, not predictions")


def predict_views(
    head: DeformPnPHead,
    feats_of_views: Sequence[tuple[Tensor, ...]],
    samples_of_views: Sequence[list[Det3DDataSample]],
) -> list[InstanceData]:
    """Detections from several views of the same batch.

    Args:
        head: the head.
        feats_of_views: V x FPN maps, finest first.
        samples_of_views: V x B data samples; the first view is not flipped.
    """
    views = [dense_view(head, f, g) for f, g in zip(feats_of_views, samples_of_views, strict=True)]
    objects, proposals = predict_objects_of_views(head, views)
    return head.solve_and_decode(objects, proposals, views[0].geometry)


def predict_objects_of_views(
    head: DeformPnPHead, views: Sequence[DenseView]
) -> tuple[ObjectPredictions, Proposals]:
    """Select objects from the mean maps of the views and merge their predictions.

    Returns:
        The merged objects and their proposals, whose images, labels and class probabilities are
        those of all views.
    """
    cls_logits = _mean_of_levels([view.aligned(view.maps.cls_logits) for view in views])
    centerness = _mean_of_levels([view.aligned(view.maps.centerness_logits) for view in views])
    chosen = head.choose(cls_logits, centerness)
    proposals = [view.proposals(cls_logits, *chosen) for view in views]
    objects = [
        head.predict_objects(view.features, own, view.geometry)
        for view, own in zip(views, proposals, strict=True)
    ]
    return merge_objects(objects), proposals[0]


def dense_view(
    head: DeformPnPHead, feats: tuple[Tensor, ...], samples: list[Det3DDataSample]
) -> DenseView:
    """Dense outputs of one view.

    Raises:
        ValueError: some images of the view are flipped and some are not.
    """
    geometry = head.geometry(feats, samples)
    flips = set(geometry.flips.tolist())
    if len(flips) > 1:
        raise ValueError("the images of a view must all be flipped, or none of them")
    dense = head.forward_dense(feats, geometry, with_bbox=False)
    mirror = head.test_settings.tta_mirror
    return DenseView(dense.proposals, dense.features, geometry, True in flips, mirror)


def merge_objects(views: Sequence[ObjectPredictions]) -> ObjectPredictions:
    """Concatenate the correspondences of the views of M objects and average the rest.

    Each view's weights keep their own scale, so that the result has unit scale.
    """

    def mean(values: list[Tensor | None]) -> Tensor | None:
        return None if values[0] is None else torch.stack(values).mean(dim=0)

    return ObjectPredictions(
        query=views[0].query,
        x2d=torch.cat([view.x2d for view in views], dim=1),
        noc=torch.cat([view.noc for view in views], dim=1),
        w2d=torch.cat([view.w2d_scaled for view in views], dim=1),
        scale=torch.ones_like(views[0].scale),
        dims_code=mean([view.dims_code for view in views]),
        dims=mean([view.dims for view in views]),
        score_logits=mean([view.score_logits.sigmoid() for view in views]).logit(),
        velocities=mean([view.velocities for view in views]),
        attr_logits=mean([view.attr_logits for view in views]),
    )


def _mean_of_levels(views: list[list[Tensor]]) -> list[Tensor]:
    return [torch.stack(level).mean(dim=0) for level in zip(*views, strict=True)]
