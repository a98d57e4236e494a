"""What a camera sees of posed objects: depth windows, visibility, boxes (Embree).

One scene per object in its own frame: rays are moved instead of meshes, so nothing is rebuilt from
image to image, and only the window that the object can cover is cast.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..raycast import RayCaster

Z_NEAR = 1e-3  # metres
Window = tuple[int, int, int, int]  # left, top, right, bottom (exclusive)


class ObjectView(NamedTuple):
    """An object in a window of the image plane, which may reach beyond the image.

    Attributes:
        left: column of the window's first pixel.
        top: row of it.
        depth: (h, w) metres along the optical axis, inf where the object is not.
        triangle: (h, w) index of the triangle seen, -1 for none.
    """

    left: int
    top: int
    depth: NDArray
    triangle: NDArray

    @property
    def mask(self) -> NDArray:
        """(h, w) silhouette."""
        return np.isfinite(self.depth)


class ObjectCaster:
    """A mesh ready to be seen from any pose.

    Args:
        triangles: (T, 3, 3) metres, object frame.
    """

    def __init__(self, triangles: NDArray) -> None:
        self._caster = RayCaster([triangles])
        self._corners = np.unique(triangles.reshape(-1, 3), axis=0)
        self.center = (self._corners.min(axis=0) + self._corners.max(axis=0)) / 2
        self.radius = float(np.linalg.norm(self._corners - self.center, axis=1).max())

    def view(self, pose: NDArray, cam_mat: NDArray, limits: Window) -> ObjectView:
        """Cast the rays of the pixels that the object can cover.

        Args:
            pose: (4, 4) object to camera; its rotation may hold a scale, and errors of annotation.
            cam_mat: (3, 3), integer pixel centres.
            limits: least left and top, largest right and bottom (exclusive) of the window.
        """
        left, top, right, bottom = self._window(pose, cam_mat, limits)
        u, v = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
        shape = u.shape
        rays_cam = pixel_rays(u.ravel(), v.ravel(), cam_mat)
        origin, rays_obj = _to_object(pose, np.zeros(3), rays_cam)
        hits = self._caster.first_hit(origin, rays_obj)  # rays have z = 1: distance is depth
        depth, triangle = hits.distance.reshape(shape), hits.triangle.reshape(shape)
        return ObjectView(left, top, depth, np.where(np.isfinite(depth), triangle, -1))

    def blocks(self, pose: NDArray, points_cam: NDArray, direction_cam: NDArray) -> NDArray:
        """Whether the object stands between points (N, 3) and a distant lamp, (N,) bool."""
        toward = direction_cam / np.linalg.norm(direction_cam)
        offset = pose[:3, :3] @ self.center + pose[:3, 3] - points_cam
        along = offset @ toward
        aside = np.linalg.norm(offset - along[:, None] * toward, axis=1)
        radius = self.radius * np.linalg.norm(pose[:3, :3], 2)
        near = np.flatnonzero((aside < radius) & (along > -radius))
        blocked = np.zeros(len(points_cam), bool)
        origins, rays = _to_object(pose, points_cam[near], np.broadcast_to(toward, (len(near), 3)))
        blocked[near] = self._caster.is_blocked(origins, rays)
        return blocked

    def _window(self, pose: NDArray, cam_mat: NDArray, limits: Window) -> Window:
        points_cam = self._corners @ pose[:3, :3].T + pose[:3, 3]
        least_u, least_v, most_u, most_v = limits
        if points_cam[:, 2].min() <= Z_NEAR:
            return limits
        pixels = points_cam @ cam_mat.T
        pixels = pixels[:, :2] / pixels[:, 2:]
        low = np.floor(pixels.min(axis=0)).clip((least_u, least_v), (most_u, most_v)).astype(int)
        high = (np.ceil(pixels.max(axis=0)) + 1).clip(low, (most_u, most_v)).astype(int)
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def pixel_rays(u: NDArray, v: NDArray, cam_mat: NDArray) -> NDArray:
    """Rays (N, 3) with z = 1 through pixels (N,) and (N,)."""
    return np.stack((u, v, np.ones_like(u)), axis=1) @ np.linalg.inv(cam_mat).T


def _to_object(pose: NDArray, origins: NDArray, directions: NDArray) -> tuple[NDArray, NDArray]:
    inverse = np.linalg.inv(pose[:3, :3])
    return (origins - pose[:3, 3]) @ inverse.T, directions @ inverse.T
