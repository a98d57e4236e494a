"""Dense maps of one crop of an object: coordinates and weights."""

import cv2
import numpy as np

from .palette import FOUND, TRUTH


def coordinate_picture(noc: np.ndarray, side: int) -> np.ndarray:
    """Object coordinates (3, h, w) in [-1, 1] as colours, (side, side, 3)."""
    colors = 255 * (0.5 + 0.5 * noc.transpose(1, 2, 0)).clip(0, 1)
    return cv2.resize(colors.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST)


def weight_picture(weight_logits: np.ndarray, side: int) -> np.ndarray:
    """Softmax of the weights (2, h, w): u orange, v blue, each relative to its largest."""
    weights = np.exp(weight_logits - weight_logits.max(axis=(1, 2), keepdims=True))
    mixed = np.sqrt(weights).transpose(1, 2, 0) @ np.array([FOUND, TRUTH], dtype=float)
    picture = mixed.clip(0, 255).astype(np.uint8)
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_NEAREST)
