"""Pinhole projection, and what it cannot show: the parts behind the near plane."""

import numpy as np

from .boxes import EDGES

NEAR_PLANE = 0.1  # metres; nearer points are cut off before projection


def project_points(points_cam: np.ndarray, intrinsic: np.ndarray) -> np.ndarray:
    """Pixels (..., 2) of camera-frame points (..., 3) with z > 0."""
    homogeneous = points_cam @ intrinsic.T
    return homogeneous[..., :2] / homogeneous[..., 2:]


def clip_edges(corners_cam: np.ndarray) -> np.ndarray:
    """The parts of a box's twelve edges in front of the near plane.

    Their ends span the visible part of the box: its corners there and the cuts of its edges.

    Args:
        corners_cam: (8, 3) corners in the order of ``CORNER_SIGNS``, camera frame, metres.

    Returns:
        (k, 2, 3) start and end points with z >= 0.1 m.
    """
    ends = corners_cam[EDGES]
    ends = ends[(ends[..., 2] >= NEAR_PLANE).any(axis=1)]
    depth = ends[..., 2]
    span = depth[:, 1] - depth[:, 0]
    share = (NEAR_PLANE - depth[:, 0]) / np.where(span == 0, 1.0, span)
    cuts = ends[:, 0] + share[:, None] * (ends[:, 1] - ends[:, 0])
    cuts[:, 2] = NEAR_PLANE
    return np.where((depth >= NEAR_PLANE)[..., None], ends, cuts[:, None])
