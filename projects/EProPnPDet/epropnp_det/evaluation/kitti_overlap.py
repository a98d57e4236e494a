"""KITTI's evaluation in mmdet3d needs CUDA for one function; here it is for processors.

``kitti_eval`` imports ``rotate_iou_gpu_eval`` from a module whose kernels numba compiles for CUDA,
and only then. Where there is no GPU, a stand-in takes that module's place while it runs.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np
from numba import cuda

from .overlap import footprint_overlap, footprints

MODULE = "mmdet3d.evaluation.functional.kitti_utils.rotate_iou"


def rotated_overlap(
    boxes: np.ndarray, query_boxes: np.ndarray, criterion: int = -1, device_id: int = 0
) -> np.ndarray:
    """What mmdet3d's ``rotate_iou_gpu_eval`` returns, by polygons in float64.

    Args:
        boxes: (N, 5) x, z, length, width, rotation_y.
        query_boxes: (M, 5).
        criterion: -1 intersection over union; 0, 1 over the area of the first, second box; 2 the
            area of the intersection.
        device_id: ignored.

    Returns:
        (N, M) float32.
    """
    shared = footprint_overlap(_outlines(boxes), _outlines(query_boxes))
    areas = (boxes[:, 2] * boxes[:, 3])[:, None]
    query_areas = (query_boxes[:, 2] * query_boxes[:, 3])[None]
    whole = {-1: areas + query_areas - shared, 0: areas, 1: query_areas}.get(criterion, 1.0)
    return (shared / whole).astype(np.float32)


@contextmanager
def without_cuda() -> Iterator[None]:
    """Let mmdet3d's evaluation run where there is no GPU; with one nothing changes."""
    if cuda.is_available():
        yield
        return
    module, before = ModuleType(MODULE), sys.modules.get(MODULE)
    module.rotate_iou_gpu_eval = rotated_overlap
    sys.modules[MODULE] = module
    try:
        yield
    finally:
        del sys.modules[MODULE]
        if before is not None:
            sys.modules[MODULE] = before


def _outlines(boxes: np.ndarray) -> np.ndarray:
    x, z, length, width, yaw = boxes.astype(np.float64).T
    zero = np.zeros_like(x)
    return footprints(np.stack([x, zero, z], 1), np.stack([length, zero, width], 1), yaw)
