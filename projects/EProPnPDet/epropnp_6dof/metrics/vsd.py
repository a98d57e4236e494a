"""Visible surface discrepancy (Hodan et al., ECCVW 2016 and BOP challenge 2020, section 2.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

VSD_TOLERANCES = np.arange(1, 11) * 0.05  # of the depth difference, object diameters
VSD_THRESHOLDS = np.arange(1, 11) * 0.05  # of the error, a share of pixels
OCCLUSION_TOLERANCE = 0.015  # metres; a surface this little behind the measured one is visible


def vsd_errors(
    depth_est: NDArray,
    depth_gt: NDArray,
    depth_test: NDArray,
    cam_mat: NDArray,
    diameter: float,
    tolerances: NDArray = VSD_TOLERANCES,
    occlusion_tolerance: float = OCCLUSION_TOLERANCE,
) -> NDArray:
    """Share of visible pixels at which two posed objects differ, for each tolerance.

    Depths are turned into distances from the camera centre before they are compared. A pixel of a
    rendered object is visible unless the image shows something more than the occlusion tolerance
    before it; pixels without measured depth count as visible. Where the true pose is visible the
    estimate is taken as visible too.

    Args:
        depth_est: (H, W) metres of the object at the estimate, 0 outside it.
        depth_gt: (H, W) at the true pose.
        depth_test: (H, W) measured, 0 where unknown.
        cam_mat: (3, 3), integer pixel centres.
        diameter: of the object, metres.
        tolerances: (T,) misalignment in diameters.
        occlusion_tolerance: metres.

    Returns:
        (T,) errors in [0, 1]; 1 where neither pose is visible.
    """
    rays = ray_lengths(depth_gt.shape, cam_mat)
    est, gt, test = (depth * rays for depth in (depth_est, depth_gt, depth_test))
    seen_gt = visible(gt, test, occlusion_tolerance)
    seen_est = visible(est, test, occlusion_tolerance) | (seen_gt & (est > 0))
    both = seen_gt & seen_est
    union = int((seen_gt | seen_est).sum())
    if union == 0:
        return np.ones(len(tolerances))
    apart = np.abs(est[both] - gt[both]) / diameter
    wrong = (apart[None] >= tolerances[:, None]).sum(axis=1)
    return (wrong + union - int(both.sum())) / union


def visible(distance: NDArray, test: NDArray, tolerance: float) -> NDArray:
    """Pixels of a rendered object (H, W) that nothing measured stands before."""
    return (distance > 0) & ((test == 0) | (distance - test <= tolerance))


def ray_lengths(shape: tuple[int, int], cam_mat: NDArray) -> NDArray:
    """(H, W) distance from the camera centre per unit of depth."""
    v, u = np.indices(shape)
    x = (u - cam_mat[0, 2]) / cam_mat[0, 0]
    y = (v - cam_mat[1, 2]) / cam_mat[1, 1]
    return np.sqrt(x**2 + y**2 + 1)
