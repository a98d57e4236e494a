"""2D box and truncation of an annotated 3D box, cut at the image border and the near plane."""

import numpy as np
from shapely.geometry import MultiPoint
from shapely.geometry import box as shapely_box

from epropnp_data.geometry.camera import clip_edges, project_points

MIN_AREA = 1e-6  # square pixels; less is contact with the image border
LATTICE = 10  # points per axis of the lattice that measures truncation


def in_view(
    centers_cam: np.ndarray, radii: np.ndarray, intrinsic: np.ndarray, size_wh: tuple[int, int]
) -> np.ndarray:
    """Mask (N,) of spheres that are not entirely behind the camera or beside the image.

    Cheap and safe: whatever covers a pixel of the image is in view.

    Args:
        centers_cam: (N, 3) camera frame, metres.
        radii: (N,) metres.
        intrinsic: (3, 3) camera matrix.
        size_wh: image width and height in pixels.
    """
    width, height = size_wh
    borders = np.array([[1, 0, 0], [-1, 0, width], [0, 1, 0], [0, -1, height]]) @ intrinsic
    planes = np.vstack([borders, [0, 0, 1]])  # normals that point into the view
    distance = centers_cam @ planes.T / np.linalg.norm(planes, axis=1)
    return (distance >= -radii[:, None]).all(axis=1)


def annotation_box(
    corners_cam: np.ndarray, intrinsic: np.ndarray, size_wh: tuple[int, int]
) -> np.ndarray | None:
    """2D box of an annotation: bounds of (hull of the projected box) intersected with the image.

    Tighter than the clipped bounds of the hull when a corner lies outside the image.

    Args:
        corners_cam: (8, 3) corners, camera frame, metres.
        intrinsic: (3, 3) camera matrix.
        size_wh: image width and height in pixels.

    Returns:
        (4,) x1, y1, x2, y2 in pixels, or None when the box does not cover any area of the image.
    """
    points = clip_edges(corners_cam).reshape(-1, 3)
    if len(points) == 0:
        return None
    pixels = project_points(points, intrinsic)
    low, high = pixels.min(0), pixels.max(0)
    if (high <= 0).any() or (low >= size_wh).any():
        return None
    hull = MultiPoint(pixels).convex_hull
    if (low < 0).any() or (high > size_wh).any():
        hull = hull.intersection(shapely_box(0, 0, *size_wh))
    return np.array(hull.bounds) if hull.area > MIN_AREA else None


def truncation(
    corners_cam: np.ndarray, intrinsic: np.ndarray, size_wh: tuple[int, int]
) -> np.ndarray:
    """Share of each box that no pixel of the image can show.

    Measured on a lattice of 10 x 10 x 10 points that includes the faces: a point is inside when
    z > 0 and its projection lies strictly within the image.

    Args:
        corners_cam: (N, 8, 3) corners in the order of ``CORNER_SIGNS``, camera frame.
        intrinsic: (3, 3) camera matrix.
        size_wh: image width and height in pixels.

    Returns:
        (N,) in [0, 1].
    """
    steps = np.linspace(0.0, 1.0, LATTICE)
    shares = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    origin = corners_cam[:, :1]
    axes = corners_cam[:, [4, 2, 1]] - origin  # edges along x, y and z of the box frame
    points = origin + shares @ axes
    homogeneous = points @ intrinsic.T
    depth = homogeneous[..., 2:]
    pixels = homogeneous[..., :2] / np.where(depth > 0, depth, 1.0)
    inside = (depth[..., 0] > 0) & ((pixels > 0) & (pixels < np.asarray(size_wh))).all(-1)
    return 1.0 - inside.mean(axis=1)
