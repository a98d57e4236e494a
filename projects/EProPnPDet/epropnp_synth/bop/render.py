"""Render objects over a backdrop: colours, depth and masks (Embree)."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from epropnp_data.bop.visibility import mask_box
from epropnp_data.raycast import RayCaster

from .objects import SyntheticObject


class RenderedView(NamedTuple):
    """One image of N objects.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        depth: (H, W) metres along the optical axis, 0 where no object is.
        masks: (N, H, W) bool, whole silhouettes inside the image.
        masks_visib: (N, H, W) bool, visible parts.
        infos: N entries of ``scene_gt_info.json``.
    """

    image: NDArray
    depth: NDArray
    masks: NDArray
    masks_visib: NDArray
    infos: list[dict]


def render_view(
    objects: list[SyntheticObject],
    poses: list[NDArray],
    cam_mat: NDArray,
    backdrop: NDArray,
    rng: np.random.Generator,
) -> RenderedView:
    """Render objects at poses (4, 4) under a random light.

    Args:
        objects: N objects.
        poses: N object-to-camera transforms.
        cam_mat: (3, 3), integer pixel centres.
        backdrop: (H, W, 3) RGB in [0, 1], shown where no object is.
        rng: of light and sensor noise.
    """
    height, width = backdrop.shape[:2]
    v, u = np.mgrid[:height, :width].reshape(2, -1)
    rays = np.stack((u, v, np.ones_like(u)), axis=1) @ np.linalg.inv(cam_mat).T
    moved = [_move(obj.triangles, pose) for obj, pose in zip(objects, poses, strict=True)]
    hits = RayCaster(moved).first_hit(np.zeros(3), rays)  # rays have z = 1: distance is depth
    light = _random_light(rng)
    colors = backdrop.reshape(-1, 3).copy()
    for index, (obj, pose) in enumerate(zip(objects, poses, strict=True)):
        seen = hits.geometry == index
        points_cam = rays[seen] * hits.distance[seen, None]
        points_obj = (points_cam - pose[:3, 3]) @ pose[:3, :3]
        normals = _normals(moved[index])[hits.triangle[seen]]
        colors[seen] = obj.color(points_obj) * light(normals, points_cam)
    silhouettes = [np.isfinite(RayCaster([t]).first_hit(np.zeros(3), rays).distance) for t in moved]
    image = _expose(colors.reshape(height, width, 3), rng)
    shape = (len(objects), height, width)
    masks = np.reshape(silhouettes, shape)
    masks_visib = np.reshape([hits.geometry == index for index in range(len(objects))], shape)
    return RenderedView(
        image,
        np.where(np.isfinite(hits.distance), hits.distance, 0).reshape(height, width),
        masks,
        masks_visib,
        [_visibility(whole, seen) for whole, seen in zip(masks, masks_visib, strict=True)],
    )


def random_backdrop(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray:
    """Blurred noise with random flat shapes on it, (H, W, 3) in [0, 1]."""
    height, width = shape
    coarse = rng.uniform(0, 1, size=(rng.integers(2, 9), rng.integers(2, 9), 3))
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(rng.integers(3, 12)):
        color = tuple(rng.uniform(0, 1, size=3).tolist())
        center = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.integers(4, width // 4)), int(rng.integers(4, height // 4)))
        angle = float(rng.uniform(0, 180))
        if rng.random() < 0.5:
            cv2.ellipse(picture, center, axes, angle, 0, 360, color, -1, cv2.LINE_AA)
        else:
            corners = cv2.boxPoints((center, axes, angle)).astype(np.int32)
            cv2.fillPoly(picture, [corners], color, cv2.LINE_AA)
    return picture.clip(0, 1)


def _move(triangles: NDArray, pose: NDArray) -> NDArray:
    return triangles @ pose[:3, :3].T + pose[:3, 3]


def _normals(triangles: NDArray) -> NDArray:
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _visibility(whole: NDArray, visible: NDArray) -> dict:
    total = int(whole.sum())
    return {
        "bbox_obj": mask_box(whole),
        "bbox_visib": mask_box(visible),
        "px_count_all": total,
        "px_count_valid": total,
        "px_count_visib": int(visible.sum()),
        "visib_fract": float(visible.sum() / total) if total else 0.0,
    }


def _random_light(rng: np.random.Generator):
    """Shading (N, 1) of normals and points: ambient plus one distant lamp above the camera."""
    ambient = rng.uniform(0.45, 0.7)
    lamp = np.array([rng.uniform(-0.8, 0.8), rng.uniform(-1, 0.2), -1.0])
    lamp /= np.linalg.norm(lamp)

    def shade(normals: NDArray, points_cam: NDArray) -> NDArray:
        facing = np.where((normals * points_cam).sum(1, keepdims=True) > 0, -normals, normals)
        return ambient + (1 - ambient) * np.maximum(facing @ lamp, 0)[:, None]

    return shade


def _expose(colors: NDArray, rng: np.random.Generator) -> NDArray:
    """Random gain and noise, slight blur, 8 bit."""
    blurred = cv2.GaussianBlur(colors, (3, 3), rng.uniform(0.3, 0.7))
    noisy = blurred * rng.uniform(0.8, 1.1) + rng.normal(0, 0.01, size=colors.shape)
    return (255 * noisy).clip(0, 255).astype(np.uint8)
