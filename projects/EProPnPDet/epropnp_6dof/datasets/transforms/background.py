"""Put the object in front of another picture."""

from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from epropnp_data.images.reading import read_image

from ..random_state import WorkerRandom

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}


@TRANSFORMS.register_module()
class ReplaceBackground(BaseTransform):
    """Replace all pixels outside the object's visible mask.

    The background is a random cut of the image's aspect ratio out of a random picture, so it is
    never distorted. A crop without mask keeps its background.

    Args:
        folder: pictures, searched recursively.
        prob: chance of a replacement; published: 0.5 for real, 1 for synthetic images.

    Raises:
        FileNotFoundError: if the folder holds no picture.
    """

    def __init__(self, folder: str, prob: float = 0.5) -> None:
        root = Path(folder)
        self.paths = sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES)
        if not self.paths:
            raise FileNotFoundError(f"{folder}: no picture ({', '.join(sorted(SUFFIXES))}) in it")
        self.prob = prob
        self.random = WorkerRandom("ReplaceBackground")

    def transform(self, results: dict) -> dict:
        """Change ``image``."""
        rng = self.random.generator()
        mask = results.get("object_mask")
        if rng.random() >= self.prob or mask is None:
            return results
        path = self.paths[rng.integers(len(self.paths))]
        background = cut_background(read_image(path), mask.shape, rng)
        results["image"] = np.where(mask[..., None], results["image"], background)
        return results


def cut_background(
    picture: np.ndarray, shape: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Random largest cut of a picture with the aspect ratio of ``shape``, resized to it."""
    height, width = shape
    scale = min(picture.shape[0] / height, picture.shape[1] / width)
    cut_h, cut_w = max(int(height * scale), 1), max(int(width * scale), 1)
    top = rng.integers(picture.shape[0] - cut_h + 1)
    left = rng.integers(picture.shape[1] - cut_w + 1)
    cut = picture[top : top + cut_h, left : left + cut_w]
    return cv2.resize(cut, (width, height), interpolation=cv2.INTER_LINEAR)
