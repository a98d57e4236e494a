"""Upright boxes: what they share. N and M boxes; metres, radians; y points down."""

import numpy as np
import shapely


def footprints(centers: np.ndarray, dims: np.ndarray, yaws: np.ndarray) -> np.ndarray:
    """Outlines (N,) in the (x, z) plane as shapely polygons.

    Args:
        centers: (N, 3).
        dims: (N, 3) length, height, width.
        yaws: (N,) about the y axis.
    """
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    half = 0.5 * dims[:, None, [0, 2]] * signs
    cos, sin = np.cos(yaws), np.sin(yaws)
    rotation = np.stack([cos, -sin, sin, cos], axis=-1).reshape(-1, 2, 2)  # of row vectors
    return shapely.polygons(half @ rotation + centers[:, None, [0, 2]])


def footprint_overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Areas (N, M) that outlines (N,) and (M,) share."""
    shared = np.zeros((len(first), len(second)))
    rows, columns = shapely.STRtree(second).query(first, predicate="intersects")
    shared[rows, columns] = shapely.area(shapely.intersection(first[rows], second[columns]))
    return shared


def overlap_3d(first: tuple, second: tuple) -> np.ndarray:
    """Intersection over union (N, M) of boxes, each given as centers, dims and yaws."""
    shared = footprint_overlap(footprints(*first), footprints(*second))
    (centers, dims, _), (others, other_dims, _) = first, second
    low = np.maximum(
        (centers[:, 1] - 0.5 * dims[:, 1])[:, None], others[:, 1] - 0.5 * other_dims[:, 1]
    )
    high = np.minimum(
        (centers[:, 1] + 0.5 * dims[:, 1])[:, None], others[:, 1] + 0.5 * other_dims[:, 1]
    )
    volume = shared * np.clip(high - low, 0, None)
    return volume / (dims.prod(1)[:, None] + other_dims.prod(1) - volume)


def size_overlap(dims: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union (N,) of pairs of boxes once their centres and axes agree."""
    shared = np.minimum(dims, others).prod(1)
    return shared / (dims.prod(1) + others.prod(1) - shared)
