"""Render object coordinates of a mesh by ray casting, on the CPU."""

from typing import NamedTuple

import numpy as np

from epropnp_data.geometry.camera import project_points
from epropnp_data.geometry.rigid import RigidPose
from epropnp_data.raycast import RayCaster


class CoordinateMap(NamedTuple):
    """Object coordinates in a window of an image.

    Attributes:
        left: first column of the window.
        top: first row.
        coords: (h, w, 3) metres, object frame, zero where nothing was hit.
        hit: (h, w) bool.
    """

    left: int
    top: int
    coords: np.ndarray
    hit: np.ndarray

    def paste(self, image_shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates (H, W, 3) and mask (H, W) of the whole image."""
        full = np.zeros((*image_shape, 3), dtype=np.float32)
        mask = np.zeros(image_shape, dtype=bool)
        rows = slice(self.top, self.top + self.hit.shape[0])
        columns = slice(self.left, self.left + self.hit.shape[1])
        full[rows, columns] = self.coords
        mask[rows, columns] = self.hit
        return full, mask


class MeshRaycaster:
    """A mesh, ready to be rendered from any pose.

    Args:
        vertices: (V, 3) metres, object frame.
        faces: (F, 3).

    Raises:
        ImportError: embreex is not installed.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        self.vertices = vertices
        self._caster = RayCaster([vertices[faces]])

    def render(
        self,
        pose: RigidPose,
        cam_mat: np.ndarray,
        image_shape: tuple[int, int],
        pixel_center: float,
    ) -> CoordinateMap:
        """Coordinates of the surface seen through the centre of each pixel.

        Args:
            pose: object to camera, metres.
            cam_mat: (3, 3).
            image_shape: height and width of the image.
            pixel_center: coordinate of the first pixel's centre in the convention of ``cam_mat``.
        """
        left, top, right, bottom = self._bounds(pose, cam_mat, image_shape, pixel_center)
        shape = (max(bottom - top, 0), max(right - left, 0))
        coords = np.zeros((*shape, 3), dtype=np.float32)
        hit = np.zeros(shape, dtype=bool)
        if hit.size:
            u, v = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
            pixels = np.stack((u, v, np.ones_like(u)), -1).reshape(-1, 3).astype(np.float64)
            pixels[:, :2] += pixel_center
            inverse = np.linalg.inv(pose.rotation)
            directions = pixels @ np.linalg.inv(cam_mat).T @ inverse.T
            directions /= np.linalg.norm(directions, axis=1, keepdims=True)
            origin = -inverse @ pose.translation
            hits = self._caster.first_hit(origin, directions)
            rays = np.flatnonzero(hits.geometry >= 0)
            points = origin + hits.distance[rays, None] * directions[rays]
            hit.reshape(-1)[rays] = True
            coords.reshape(-1, 3)[rays] = points
        return CoordinateMap(left, top, coords, hit)

    def _bounds(
        self,
        pose: RigidPose,
        cam_mat: np.ndarray,
        image_shape: tuple[int, int],
        pixel_center: float,
    ) -> tuple[int, int, int, int]:
        """Window that holds the projection; the whole image if a vertex is behind the camera."""
        height, width = image_shape
        points = pose.apply(self.vertices)
        if points[:, 2].min() <= 1e-3:
            return 0, 0, width, height
        uv = project_points(points, cam_mat) - pixel_center
        left, top = np.floor(uv.min(axis=0)).astype(int).clip(0, (width, height))
        right, bottom = (np.ceil(uv.max(axis=0)).astype(int) + 1).clip(0, (width, height))
        return int(left), int(top), int(right), int(bottom)
