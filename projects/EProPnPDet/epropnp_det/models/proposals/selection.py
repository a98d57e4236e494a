"""Picking objects from the dense maps."""

import torch
from torch import Tensor

from ..by_image import count_by_image
from ..geometry.pixels import at_least_float32
from ..structures import ProposalMaps, Proposals
from .levels import find_cells, flatten_levels, values_at


def select_points(
    cls_logits: list[Tensor],
    centerness_logits: list[Tensor],
    max_per_img: int = 256,
    min_score: float = 0.04,
    pool_batch: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Pick the best (point, class) pairs of each image; a point may serve several classes.

    Args:
        cls_logits: L x (B, K, h, w).
        centerness_logits: L x (B, 1, h, w).
        max_per_img: pairs kept per image at most.
        min_score: smallest product of class and centerness probability.
        pool_batch: keep the best ``B * max_per_img`` pairs of the whole batch, so that one image
            may take the places of another, as the published code does.

    Returns:
        Images, points (levels concatenated, row major) and labels, each (M,) long, unsorted
        within an image.
    """
    cls_probs, centerness = (
        at_least_float32(flatten_levels(logits)).sigmoid()
        for logits in (cls_logits, centerness_logits)
    )
    scores = cls_probs * centerness
    if pool_batch:
        chosen = _top(scores.flatten(), len(scores) * max_per_img, min_score)
    else:
        per_image = [_top(image.flatten(), max_per_img, min_score) for image in scores]
        size = scores[0].numel()
        chosen = torch.cat([inds + i * size for i, inds in enumerate(per_image)])
    num_points, num_classes = scores.shape[1:]
    return (
        chosen // (num_points * num_classes),
        chosen // num_classes % num_points,
        chosen % num_classes,
    )


def gather_proposals(
    maps: ProposalMaps, img_inds: Tensor, point_inds: Tensor, labels: Tensor
) -> Proposals:
    """Gather what the maps say about chosen points, differentiably.

    Args:
        maps: maps of the proposal head.
        img_inds: (M,) long, image of the batch.
        point_inds: (M,) long, point of that image (levels concatenated, row major).
        labels: (M,) long.
    """
    strides = torch.cat(
        [
            points.new_full((len(points),), stride)
            for points, stride in zip(maps.points, maps.strides, strict=True)
        ]
    )
    cells = find_cells(maps.cls_logits, img_inds, point_inds)
    objects = torch.arange(len(labels), device=labels.device)
    return Proposals(
        img_inds=img_inds,
        point_inds=point_inds,
        labels=labels,
        embeddings=values_at(maps.embeddings, cells),
        centers=centers_of(values_at(maps.centers, cells), labels),
        strides=strides[point_inds],
        cls_probs=at_least_float32(values_at(maps.cls_logits, cells)[objects, labels]).sigmoid(),
        max_per_img=int(count_by_image(img_inds, len(maps.cls_logits[0])).max()),
    )


def centers_of(centers: Tensor, labels: Tensor) -> Tensor:
    """Centres (M, 2) of labels (M,) among those of all classes (M, 2K), or of none (M, 2)."""
    of_class = centers.unflatten(-1, (-1, 2))
    if of_class.shape[1] == 1:
        return centers
    return of_class[torch.arange(len(labels), device=labels.device), labels]


def _top(scores: Tensor, max_num: int, min_score: float) -> Tensor:
    """Indices (k,) of at most ``max_num`` scores (n,) that reach ``min_score``."""
    inds = (scores >= min_score).nonzero().squeeze(-1)
    if len(inds) > max_num:
        inds = inds[scores[inds].topk(max_num, sorted=False).indices]
    return inds
