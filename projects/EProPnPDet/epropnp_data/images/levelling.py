"""Images of tilted cameras as a level camera at the same place would show them.

Turning a camera about its centre moves pixels by a homography, whatever stands before it. Networks
trained on level cameras then see what they know; the poses they find are turned back.
"""

from typing import NamedTuple

import cv2
import numpy as np

from .cameras import CameraError, camera_tilt

MAX_TILT = 45.0  # degrees; beyond it a level camera shows little of the image
_HALF = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])  # from OpenCV's pixels to ours


class LevelView(NamedTuple):
    """What a level camera with the same intrinsics sees.

    Attributes:
        image: (h, w, 3), of the size of the original; its mean colour where nothing was seen.
        to_camera: (3, 3) rotation from the level to the original camera.
        to_pixels: (3, 3) homography from pixels of the level to pixels of the original image.
    """

    image: np.ndarray
    to_camera: np.ndarray
    to_pixels: np.ndarray


def level_view(
    image: np.ndarray, intrinsics: np.ndarray, camera_to_ground: np.ndarray | None
) -> LevelView:
    """Level an image.

    Args:
        image: (h, w, 3) uint8, without lens distortion.
        intrinsics: (3, 3).
        camera_to_ground: (3, 3) rotation into a frame whose y axis is gravity, None if level.

    Raises:
        CameraError: the camera is turned too far.
    """
    if camera_to_ground is None:
        return LevelView(image, np.eye(3), np.eye(3))
    pitch, roll = camera_tilt(camera_to_ground)
    if max(abs(pitch), abs(roll)) > MAX_TILT:
        raise CameraError(
            f"the camera looks {pitch:.0f} degrees down and is turned by {roll:.0f}: more than "
            f"{MAX_TILT:.0f} cannot be levelled. Turn the images by 90 or 180 degrees first, if "
            "that is what it takes"
        )
    motion = intrinsics @ camera_to_ground @ np.linalg.inv(intrinsics)
    mean = cv2.mean(image)[:3]
    levelled = cv2.warpPerspective(
        image, np.linalg.inv(_HALF) @ motion @ _HALF, image.shape[1::-1], borderValue=mean
    )
    return LevelView(levelled, camera_to_ground.T, np.linalg.inv(motion))


def move_pixels(motion: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Pixels (..., 2) after a homography (3, 3)."""
    moved = np.concatenate([pixels, np.ones_like(pixels[..., :1])], -1) @ motion.T
    return moved[..., :2] / moved[..., 2:]
