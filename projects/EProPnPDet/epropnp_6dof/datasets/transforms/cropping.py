"""Cut the object out and bring image and targets to the network's size."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from ..crop_geometry import BoxJitter, find_geometry
from ..random_state import WorkerRandom


@TRANSFORMS.register_module()
class CropObject(BaseTransform):
    """Crop around the box, jittered in training.

    Args:
        input_size: side of the network's input, pixels.
        output_size: cells per side of the head's maps.
        jitter: fields of `BoxJitter`.
        train: draw random scale and shift.
        geometry: ``continuous``, or ``published`` for published weights.
        pixel_center: coordinate of the first pixel's centre in the convention of the data set's
            intrinsics, 0 in BOP.
    """

    def __init__(
        self,
        input_size: int = 256,
        output_size: int = 64,
        jitter: dict | None = None,
        train: bool = False,
        geometry: str = "continuous",
        pixel_center: float = 0.0,
    ) -> None:
        self.input_size = input_size
        self.output_size = output_size
        self.jitter = BoxJitter(**(jitter or {}))
        self.train = train
        self.geometry = find_geometry(geometry)
        self.pixel_center = pixel_center
        self.random = WorkerRandom("CropObject")

    def transform(self, results: dict) -> dict:
        """Replace ``image`` by the crop; add ``grid``, ``num_cells``, ``grid_cam_mat``, targets."""
        image = results["image"]
        rng = self.random.generator() if self.train else None
        box = self.jitter(np.asarray(results["box"]), rng)
        results["image_shape"], results["num_cells"] = image.shape[:2], self.output_size
        results["image"] = self.geometry.image(image, box, self.input_size)
        results["grid"] = self.geometry.grid(box, self.output_size, image.shape[:2])
        results["grid_cam_mat"] = self.geometry.intrinsics(results["cam_mat"], self.pixel_center)
        if "coords" in results:
            results["crop_coords"], results["crop_mask"] = self.geometry.targets(
                results.pop("coords"), results.pop("coords_mask"), box, self.output_size
            )
        return results


@TRANSFORMS.register_module()
class ColorJitter(BaseTransform):
    """Random gain per channel, brightness and noise; not part of the published training.

    Args:
        gain: each channel is multiplied by a factor uniform in 1 +- gain.
        offset: and shifted by up to this many grey levels.
        noise: standard deviation of pixel noise is uniform up to this many grey levels.
    """

    def __init__(self, gain: float = 0.2, offset: float = 20.0, noise: float = 5.0) -> None:
        self.gain = gain
        self.offset = offset
        self.noise = noise
        self.random = WorkerRandom("ColorJitter")

    def transform(self, results: dict) -> dict:
        """Change ``image``."""
        rng = self.random.generator()
        gain = 1 + self.gain * rng.uniform(-1, 1, size=3)
        image = results["image"] * gain + self.offset * rng.uniform(-1, 1)
        image += rng.uniform(0, self.noise) * rng.standard_normal(image.shape, dtype=np.float32)
        results["image"] = image.clip(0, 255).astype(np.uint8)
        return results
