"""Resize, flip and crop: each moves the pixels, the 2D boxes and ``img_transform`` alike.

3D boxes, camera matrix, velocities and lidar points stay as they are, in the unmirrored camera
frame and in ori pixels: the network undoes ``img_transform`` where it needs ori pixels.
"""

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

OBJECT_KEYS = (
    "gt_bboxes",
    "gt_areas",
    "gt_bboxes_3d",
    "gt_labels_3d",
    "attr_labels",
    "velocities",
    "truncation",
    "visibility",
)
OBJECT_LISTS = ("points_obj", "points_uv")


@TRANSFORMS.register_module()
class MonoResize(BaseTransform):
    """Resize the image.

    Args:
        scale: (width, height) in pixels.
        keep_ratio: take the largest size within ``scale`` that has the image's aspect ratio,
            rounded to whole pixels; the bookkeeping uses the rounded size.
    """

    def __init__(self, scale: tuple[int, int], keep_ratio: bool = True):
        self.scale = tuple(scale)
        self.keep_ratio = keep_ratio

    def transform(self, results: dict) -> dict:
        """Resize; pixels are mapped edge to edge, so (0, 0) stays and (w, h) goes to (w', h')."""
        height, width = results["img_shape"]
        new_width, new_height = self._new_size(width, height)
        results["img"] = mmcv.imresize(results["img"], (new_width, new_height))
        factor = np.array([new_width / width, new_height / height])
        _record(results, np.diag([*factor, 1.0]), results["img"].shape[:2])
        results["scale_factor"] = tuple(np.array(results["scale_factor"]) * factor)
        if "gt_bboxes" in results:
            results["gt_bboxes"] = results["gt_bboxes"] * np.tile(factor, 2).astype(np.float32)
            results["gt_areas"] = results["gt_areas"] * factor.prod()
        return results

    def _new_size(self, width: int, height: int) -> tuple[int, int]:
        if not self.keep_ratio:
            return self.scale
        factor = min(self.scale[0] / width, self.scale[1] / height)
        return max(1, round(width * factor)), max(1, round(height * factor))


@TRANSFORMS.register_module()
class MonoFlip(BaseTransform):
    """Mirror the image left to right: u' = W - u. 3D boxes are not mirrored.

    Args:
        prob: probability; 0 and 1 make it deterministic.
    """

    def __init__(self, prob: float = 0.5):
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Mirror with the given probability."""
        if np.random.rand() >= self.prob:  # noqa: NPY002  seeded per worker by mmengine
            return results
        width = results["img_shape"][1]
        results["img"] = mmcv.imflip(results["img"])
        _record(results, np.array([[-1.0, 0, width], [0, 1, 0], [0, 0, 1]]), results["img_shape"])
        results["flip"] = not results["flip"]
        if "gt_bboxes" in results:
            x1, y1, x2, y2 = results["gt_bboxes"].T
            results["gt_bboxes"] = np.stack([width - x2, y1, width - x1, y2], axis=1)
        return results


@TRANSFORMS.register_module()
class MonoCrop(BaseTransform):
    """Cut a fixed window out of the image and drop objects that are hardly left.

    An object stays when its 2D box inside the window keeps at least ``min_area_share`` of the area
    it would have without truncation. When no box at all has area inside the window, the transform
    returns None and the data set draws another image; when boxes are inside but none keeps enough
    area, the image is trained on as a pure negative.

    Args:
        region: x1, y1, x2, y2 of the window.
        unit: ``pixel`` (of the image as it comes in) or ``fraction`` of its width and height,
            rounded to whole pixels.
        min_area_share: see above.

    Raises:
        ValueError: the region is empty or leaves the image.
    """

    def __init__(
        self,
        region: tuple[float, float, float, float],
        unit: str = "pixel",
        min_area_share: float = 0.2,
    ):
        if unit not in ("pixel", "fraction"):
            raise ValueError(f"MonoCrop: unit is {unit!r}, expected 'pixel' or 'fraction'")
        self.region = tuple(region)
        self.unit = unit
        self.min_area_share = min_area_share

    def transform(self, results: dict) -> dict | None:
        """Crop, or ask for another image."""
        x1, y1, x2, y2 = self._window(results["img_shape"])
        results["img"] = results["img"][y1:y2, x1:x2]
        shift = np.array([[1.0, 0, -x1], [0, 1, -y1], [0, 0, 1]])
        _record(results, shift, results["img"].shape[:2])
        if len(results.get("gt_bboxes", ())) == 0:
            return results
        limit = np.array([x2 - x1, y2 - y1] * 2, dtype=np.float32)
        corner = np.array([x1, y1] * 2, dtype=np.float32)
        bboxes = np.clip(results["gt_bboxes"] - corner, 0, limit)
        areas = (bboxes[:, 2:] - bboxes[:, :2]).prod(axis=1)
        if not (areas > 0).any():
            return None
        results["gt_bboxes"] = bboxes
        _select(results, (areas > 0) & (areas >= self.min_area_share * results["gt_areas"]))
        return results

    def _window(self, img_shape: tuple[int, int]) -> tuple[int, int, int, int]:
        height, width = img_shape
        sides = np.array([width, height, width, height])
        scaled = np.array(self.region) * (sides if self.unit == "fraction" else 1)
        x1, y1, x2, y2 = (round(value) for value in scaled)
        if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
            raise ValueError(
                f"MonoCrop: region {self.region} ({self.unit}) does not fit the {width}x{height} "
                "image; give it as fractions (unit='fraction') when image sizes differ"
            )
        return x1, y1, x2, y2


def _record(results: dict, motion: np.ndarray, img_shape: tuple[int, int]) -> None:
    results["img_transform"] = motion @ results["img_transform"]
    results["img_shape"] = tuple(img_shape)


def _select(results: dict, keep: np.ndarray) -> None:
    for key in OBJECT_KEYS:
        if key in results:
            results[key] = results[key][keep]
    for key in OBJECT_LISTS:
        if key in results:
            results[key] = [item for item, kept in zip(results[key], keep, strict=True) if kept]
