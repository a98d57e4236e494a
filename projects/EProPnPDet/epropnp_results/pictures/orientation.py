"""Density of an object's orientation as a map of the sphere of viewing directions.

Longitude and latitude say from which side the camera sees the object, in the object frame; the hue
says how far the camera is turned about its axis (as Murphy et al., ICML 2021, draw densities on
SO(3)). One sharp orientation is one small spot; a rotational symmetry about z is a line of constant
latitude, several modes are several spots.
"""

import cv2
import numpy as np

MIN_SPREAD_DEG = 2.0  # of the kernel at each sample
HEIGHT = 180  # one row per degree of latitude


def orientation_picture(rotations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Picture (180, 360, 3) uint8, BGR, of weighted rotations.

    Args:
        rotations: (S, 3, 3) object to camera.
        weights: (S,) not negative.
    """
    toward = -rotations[:, 2]  # camera axis in the object frame, pointing back to the camera
    longitude = np.degrees(np.arctan2(toward[:, 1], toward[:, 0]))
    latitude = np.degrees(np.arcsin(toward[:, 2].clip(-1, 1)))
    roll = np.arctan2(rotations[:, 0, 2], rotations[:, 1, 2])  # of the object's z in the image
    channels = np.stack((np.ones_like(roll), np.cos(roll), np.sin(roll)), axis=1)
    canvas = np.zeros((HEIGHT, 2 * HEIGHT, 3))
    columns = (longitude + 180).astype(int) % 360
    rows = (90 - latitude).astype(int).clip(0, HEIGHT - 1)
    np.add.at(canvas, (rows, columns), channels * (weights / weights.sum())[:, None])
    blurred = _blur(canvas)
    density = blurred[..., 0] / max(blurred[..., 0].max(), 1e-12)
    hue = np.degrees(np.arctan2(blurred[..., 2], blurred[..., 1])) % 360 / 2
    hsv = np.stack((hue, np.full_like(hue, 200), 255 * np.sqrt(density)), axis=-1)
    return _with_grid(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR))


def _blur(canvas: np.ndarray) -> np.ndarray:
    """Blur over the date line as well."""
    pad = 30
    wrapped = np.concatenate((canvas[:, -pad:], canvas, canvas[:, :pad]), axis=1)
    return cv2.GaussianBlur(wrapped, (0, 0), MIN_SPREAD_DEG)[:, pad:-pad]


def _with_grid(picture: np.ndarray) -> np.ndarray:
    """Faint lines every 45 degrees."""
    lines = np.zeros(picture.shape[:2], dtype=bool)
    lines[45::45] = True
    lines[:, 45::45] = True
    return np.where(lines[..., None], np.maximum(picture, 50), picture)
