"""From light to an 8 bit picture: exposure, blur, noise, colour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

MOTION = 0.15  # share of images that are blurred by motion


def expose(picture: NDArray, rng: np.random.Generator) -> NDArray:
    """Picture (H, W, 3) around [0, 1] as a random camera would store it, uint8."""
    picture = _blur(picture.astype(np.float32), rng)
    gain = rng.uniform(0.7, 1.25) * (1 + rng.uniform(-0.08, 0.08, size=3))
    picture = np.maximum(picture * gain.astype(np.float32), 0) ** np.float32(rng.uniform(0.8, 1.25))
    grey = picture.mean(axis=-1, keepdims=True)
    picture = grey + np.float32(rng.uniform(0.6, 1.3)) * (picture - grey)
    picture = picture + np.float32(rng.uniform(-0.05, 0.05))
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    spread = rng.uniform(0, 0.02) + rng.uniform(0, 0.03) * np.sqrt(picture.clip(0, 1))
    return (255 * (picture + spread.astype(np.float32) * noise) + 0.5).clip(0, 255).astype(np.uint8)


def _blur(picture: NDArray, rng: np.random.Generator) -> NDArray:
    sigma = rng.uniform(0.3, 1.3)
    picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    if rng.random() >= MOTION:
        return picture
    length = int(rng.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    middle, angle = (length - 1) / 2, rng.uniform(0, np.pi)
    offset = middle * np.array([np.cos(angle), np.sin(angle)])
    start, end = (np.rint(middle + sign * offset).astype(int).tolist() for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return cv2.filter2D(picture, -1, kernel / kernel.sum())
