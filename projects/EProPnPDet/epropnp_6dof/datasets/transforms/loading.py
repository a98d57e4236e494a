"""Load the image, the visible mask and the object coordinates of a crop."""

from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from epropnp_data.errors import SampleError
from epropnp_data.images.reading import read_image

from ..coordinate_cache import CoordinateCache, map_name


@TRANSFORMS.register_module()
class LoadBOPImage(BaseTransform):
    """Read the image as BGR, (H, W, 3) uint8; grey images are repeated, one that is there stays."""

    def transform(self, results: dict) -> dict:
        """Add ``image``.

        Raises:
            SampleError: if the file is no readable image.
        """
        if "image" not in results:
            results["image"] = read_image(results["img_path"])
        return results


@TRANSFORMS.register_module()
class LoadObjectCoordinates(BaseTransform):
    """Render the object coordinates of the annotation; take the visible mask where there is one.

    Adds ``coords`` (H, W, 3) metres, ``coords_mask`` (H, W), the cells with a target: rendered and
    visible, and ``symmetries`` (S, 4, 4), the identity first. An object without mesh gets an empty
    target and trains in the model-free mode. ``object_mask`` is the visible silhouette, or None if
    neither mask nor mesh exists.

    Args:
        cache_dir: where rendered maps are kept, below the data set's folder unless absolute; None
            to render every time.
        pixel_center: coordinate of the first pixel's centre in the convention of the data set's
            intrinsics, 0 in BOP.
    """

    def __init__(self, cache_dir: str | None = None, pixel_center: float = 0.0) -> None:
        self.cache_dir = cache_dir
        self.pixel_center = pixel_center

    def transform(self, results: dict) -> dict:
        """Add targets to a crop with an image.

        Raises:
            SampleError: if there is a mask, but no readable one or one of another size.
        """
        shape = results["image"].shape[:2]
        visible = self._visible_mask(results, shape)
        coords, rendered = np.zeros((*shape, 3), np.float32), None
        maps = self._maps(results)
        if maps.has_mesh(results["obj_id"]):
            name = map_name(Path(results["img_path"]), results["gt_index"])
            found = maps.get(name, results["obj_id"], results["pose"], results["cam_mat"], shape)
            coords, rendered = found.paste(shape)
            results["symmetries"] = maps.symmetries(results["obj_id"])
        masks = [mask for mask in (visible, rendered) if mask is not None]
        results["coords"] = coords
        results["object_mask"] = np.logical_and.reduce(masks) if masks else None
        no_target = np.zeros(shape, dtype=bool)
        results["coords_mask"] = no_target if rendered is None else results["object_mask"]
        return results

    def _maps(self, results: dict) -> CoordinateCache:
        root = Path(results["data_root"])
        cache_dir = None if self.cache_dir is None else root / self.cache_dir
        return CoordinateCache(root / results["models_dir"], cache_dir, self.pixel_center)

    @staticmethod
    def _visible_mask(results: dict, shape: tuple[int, int]) -> np.ndarray | None:
        if results.get("mask_path") is None:
            return None
        mask = read_image(results["mask_path"], cv2.IMREAD_GRAYSCALE)
        if mask.shape != shape:
            raise SampleError(
                results["mask_path"],
                f"mask is {mask.shape[1]}x{mask.shape[0]}, its image {shape[1]}x{shape[0]}",
            )
        return mask > 0
