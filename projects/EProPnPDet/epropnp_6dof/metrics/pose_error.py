"""Errors between an estimated and a true rigid pose.

Vertices are (V, 3) in the object frame; lengths come out in the unit of vertices and translations.
"""

import numpy as np
from scipy.spatial import cKDTree

from epropnp_data.geometry.camera import project_points
from epropnp_data.geometry.rigid import RigidPose


def add_error(pose_est: RigidPose, pose_gt: RigidPose, vertices: np.ndarray) -> float:
    """ADD: mean distance of corresponding vertices (Hinterstoisser et al., ACCV 2012)."""
    distances = np.linalg.norm(pose_est.apply(vertices) - pose_gt.apply(vertices), axis=-1)
    return float(distances.mean())


def adi_error(pose_est: RigidPose, pose_gt: RigidPose, vertices: np.ndarray) -> float:
    """ADD-S (ADI): mean distance of a true vertex to the nearest estimated one (ibid.)."""
    distances, _ = cKDTree(pose_est.apply(vertices)).query(pose_gt.apply(vertices))
    return float(distances.mean())


def rotation_error_deg(pose_est: RigidPose, pose_gt: RigidPose) -> float:
    """Angle of ``R_est R_gt^-1`` in degrees.

    The inverse, not the transpose: some LM-O annotations are not orthonormal (determinant 1.014).
    """
    relative = pose_est.rotation @ np.linalg.inv(pose_gt.rotation)
    cosine = np.clip(0.5 * (np.trace(relative) - 1), -1, 1)
    return float(np.degrees(np.arccos(cosine)))


def translation_error(pose_est: RigidPose, pose_gt: RigidPose) -> float:
    """Euclidean distance of the translations."""
    return float(np.linalg.norm(pose_est.translation - pose_gt.translation))


def projection_error(
    pose_est: RigidPose, pose_gt: RigidPose, vertices: np.ndarray, cam_mat: np.ndarray
) -> float:
    """Mean pixel distance of projected vertices (Brachmann et al., CVPR 2016)."""
    difference = project_points(pose_est.apply(vertices), cam_mat) - project_points(
        pose_gt.apply(vertices), cam_mat
    )
    return float(np.linalg.norm(difference, axis=-1).mean())


def mssd_error(
    pose_est: RigidPose,
    pose_gt: RigidPose,
    vertices: np.ndarray,
    symmetries: list[RigidPose],
) -> float:
    """Maximum symmetry-aware surface distance (BOP challenge 2020, section 2.2).

    Args:
        pose_est: estimated pose.
        pose_gt: true pose.
        vertices: (V, 3), object frame.
        symmetries: S object-frame transforms that leave the object unchanged, with identity.

    Returns:
        Least over symmetries of the largest vertex distance.
    """
    points_est = pose_est.apply(vertices)
    return min(
        float(np.linalg.norm(points_est - pose_gt.compose(symmetry).apply(vertices), axis=-1).max())
        for symmetry in symmetries
    )


def mspd_error(
    pose_est: RigidPose,
    pose_gt: RigidPose,
    vertices: np.ndarray,
    symmetries: list[RigidPose],
    cam_mat: np.ndarray,
) -> float:
    """Maximum symmetry-aware projection distance in pixels (BOP challenge 2020, section 2.2)."""
    uv_est = project_points(pose_est.apply(vertices), cam_mat)
    return min(
        float(
            np.linalg.norm(
                uv_est - project_points(pose_gt.compose(symmetry).apply(vertices), cam_mat), axis=-1
            ).max()
        )
        for symmetry in symmetries
    )
