"""Camera images: one ray per pixel, four more where neighbours differ."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from epropnp_data.geometry.poses import Pose

from .difficulty import SHARP, Optics
from .rig import Camera
from .shading import shade
from .snapshot import Snapshot

EDGE_CONTRAST = 0.06  # in display values; pixels that differ more from a neighbour are refined
_SUB_PIXELS = np.array(
    [[-0.125, -0.375], [0.375, -0.125], [0.125, 0.375], [-0.375, 0.125]], np.float32
)


def render_image(
    snapshot: Snapshot,
    camera: Camera,
    ego_to_global: Pose,
    rng: np.random.Generator,
    optics: Optics = SHARP,
) -> NDArray:
    """RGB image (H, W, 3) uint8 from a camera, the ego vehicle standing at ``ego_to_global``."""
    ego_to_local = snapshot.to_local(ego_to_global)
    mount = camera.calibration.sensor_to_ego
    rotation = (ego_to_local.matrix @ mount.matrix).astype(np.float32)
    origin = ego_to_local.apply(np.asarray(mount.translation))

    def colors_at(pixels: NDArray) -> NDArray:
        linear = shade(snapshot, origin, camera.rays(pixels) @ rotation.T)
        return _display(linear, snapshot.world.light.exposure)

    width, height = camera.size
    v, u = np.mgrid[0:height, 0:width].astype(np.float32) + np.float32(0.5)
    centers = np.stack([u.ravel(), v.ravel()], 1)
    image = colors_at(centers)
    edges = np.flatnonzero(_edge_mask(image.reshape(height, width, 3)).ravel())
    fine = colors_at((centers[edges, None] + _SUB_PIXELS).reshape(-1, 2))
    image[edges] = (image[edges] + fine.reshape(-1, 4, 3).sum(1)) / 5
    if optics.blur:
        blurred = cv2.GaussianBlur(image.reshape(height, width, 3), (0, 0), optics.blur)
        image = blurred.reshape(-1, 3)
    image += optics.noise * rng.standard_normal((height * width, 1), np.float32)
    image += 0.5 * optics.noise * rng.standard_normal(image.shape, np.float32)
    return np.clip(255 * image + 0.5, 0, 255).astype(np.uint8).reshape(height, width, 3)


def _display(linear: NDArray, exposure: float) -> NDArray:
    """Filmic tone curve and gamma: linear light to display values in [0, 1]."""
    x = linear * exposure
    mapped = x * (2.2 * x + 0.12) / (x * (2.1 * x + 0.9) + 0.16)
    return np.clip(mapped, 0, 1) ** (1 / 2.2)


def _edge_mask(image: NDArray) -> NDArray:
    """Pixels (H, W) that differ from a direct neighbour."""
    mask = np.zeros(image.shape[:2], bool)
    across = np.abs(np.diff(image, axis=1)).max(-1) > EDGE_CONTRAST
    down = np.abs(np.diff(image, axis=0)).max(-1) > EDGE_CONTRAST
    mask[:, 1:] |= across
    mask[:, :-1] |= across
    mask[1:] |= down
    mask[:-1] |= down
    return mask
