"""Which object is seen in which pixel, and the entries of ``scene_gt_info.json``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .object_view import ObjectView

EMPTY_BOX = [-1, -1, -1, -1]


class Composition(NamedTuple):
    """Objects over one another.

    Attributes:
        depth: (H, W) metres of the nearest object, inf where none is.
        nearest: (H, W) index of that object, -1 for none.
    """

    depth: NDArray
    nearest: NDArray


def compose(views: list[ObjectView], shape: tuple[int, int]) -> Composition:
    """Nearest object of each pixel of an image of (H, W) pixels."""
    depth = np.full(shape, np.inf)
    nearest = np.full(shape, -1)
    for index, view in enumerate(views):
        rows, columns, part = clip_window(view, shape)
        closer = view.depth[part] < depth[rows, columns]
        depth[rows, columns][closer] = view.depth[part][closer]
        nearest[rows, columns][closer] = index
    return Composition(depth, nearest)


def clip_window(
    view: ObjectView, shape: tuple[int, int]
) -> tuple[slice, slice, tuple[slice, slice]]:
    """Rows and columns of the image that a window covers, and the same part of the window."""
    spans = []
    for start, length, limit in zip((view.top, view.left), view.depth.shape, shape, strict=True):
        low = min(max(start, 0), limit)
        spans.append((low, max(min(start + length, limit), low), start))
    (top, bottom, row), (left, right, column) = spans
    part = slice(top - row, bottom - row), slice(left - column, right - column)
    return slice(top, bottom), slice(left, right), part


def whole_mask(view: ObjectView, shape: tuple[int, int]) -> NDArray:
    """(H, W) silhouette inside the image, whatever stands before it."""
    mask = np.zeros(shape, bool)
    rows, columns, part = clip_window(view, shape)
    mask[rows, columns] = view.mask[part]
    return mask


def instance_info(view: ObjectView, visible: NDArray) -> dict:
    """Boxes, pixel counts and visible fraction of one object.

    As in BOP the whole silhouette counts beyond the image as far as the window reaches.

    Args:
        view: the object alone.
        visible: (H, W) pixels in which it is seen.
    """
    total = int(view.mask.sum())
    box = mask_box(view.mask)
    if total:
        box = [box[0] + view.left, box[1] + view.top, *box[2:]]
    return {
        "bbox_obj": box,
        "bbox_visib": mask_box(visible),
        "px_count_all": total,
        "px_count_valid": int(whole_mask(view, visible.shape).sum()),
        "px_count_visib": int(visible.sum()),
        "visib_fract": float(visible.sum() / total) if total else 0.0,
    }


def mask_box(mask: NDArray) -> list[int]:
    """x, y, w, h of a mask; -1 where it is empty, as in BOP."""
    if not mask.any():
        return EMPTY_BOX.copy()
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    left, top = int(columns[0]), int(rows[0])
    return [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1]
