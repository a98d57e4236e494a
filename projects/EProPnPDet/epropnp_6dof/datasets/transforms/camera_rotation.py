"""Turn the camera about the line of sight to the object: an exact augmentation of real images."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from epropnp_data.geometry.rigid import RigidPose

from ..random_state import WorkerRandom


@TRANSFORMS.register_module()
class RotateCamera(BaseTransform):
    """Warp the image as if the camera had been rolled, and turn the pose with it.

    A rotation of a pinhole camera moves pixels by the homography ``K R K^-1`` whatever the depth,
    so image, targets and pose stay consistent. The axis goes through the middle of the box, which
    stays where it is. Not part of the published training; useful with few real images.

    Args:
        max_degrees: the angle is uniform up to this much either way.
        pixel_center: coordinate of the first pixel's centre in the convention of the data set's
            intrinsics, 0 in BOP.
    """

    def __init__(self, max_degrees: float = 30.0, pixel_center: float = 0.0) -> None:
        self.max_degrees = max_degrees
        self.pixel_center = pixel_center
        self.random = WorkerRandom("RotateCamera")

    def transform(self, results: dict) -> dict:
        """Change ``image``, ``pose``, ``box`` and the targets, if there are any."""
        angle = np.radians(self.random.generator().uniform(-self.max_degrees, self.max_degrees))
        cam_mat = results["cam_mat"].copy()
        cam_mat[:2, 2] -= self.pixel_center  # OpenCV counts pixel centres from zero
        x, y, w, h = results["box"]
        center = np.array([x + w / 2, y + h / 2]) - 0.5
        rotation = sight_rotation(cam_mat, center, angle)
        homography = cam_mat @ rotation @ np.linalg.inv(cam_mat)
        results["image"] = _warp(results["image"], homography, cv2.INTER_LINEAR)
        for key in ("coords", "coords_mask", "object_mask"):
            if results.get(key) is not None:
                results[key] = _warp(results[key], homography, cv2.INTER_NEAREST)
        pose = results["pose"]
        results["pose"] = RigidPose(rotation @ pose.rotation, rotation @ pose.translation)
        results["box"] = turned_box((x, y, w, h), angle)
        return results


def sight_rotation(cam_mat: np.ndarray, pixel: np.ndarray, angle: float) -> np.ndarray:
    """Rotation (3, 3) by an angle (radians) about the line of sight through a pixel (2,)."""
    axis = np.linalg.inv(cam_mat) @ [*pixel, 1.0]
    return cv2.Rodrigues(axis / np.linalg.norm(axis) * angle)[0]


def turned_box(box: tuple[float, ...], angle: float) -> tuple[float, ...]:
    """Bounding box of the turned ellipse that fills a box (x, y, w, h), same centre."""
    x, y, w, h = box
    width = float(np.hypot(w * np.cos(angle), h * np.sin(angle)))
    height = float(np.hypot(w * np.sin(angle), h * np.cos(angle)))
    return x + (w - width) / 2, y + (h - height) / 2, width, height


def _warp(image: np.ndarray, homography: np.ndarray, interpolation: int) -> np.ndarray:
    size = (image.shape[1], image.shape[0])
    plain = image.astype(np.uint8) if image.dtype == bool else image
    return cv2.warpPerspective(plain, homography, size, flags=interpolation).astype(image.dtype)
