"""The loader by whose name mmdet3d's ``MonoDet3DInferencer`` knows a monocular test pipeline.

It wants a step ``LoadImageFromFileMono3D`` and puts ``MonoDet3DInferencerLoader`` in its place. In
the scope ``epropnp_det`` the first is `LoadMonoImage`, the second the same for the inferencer's
inputs:

    test_pipeline = [dict(type="LoadImageFromFileMono3D", _scope_="epropnp_det"), ...]
"""

import numpy as np
from mmdet3d.structures import get_box_type

from ...registry import TRANSFORMS
from .loading import LoadMonoImage

TRANSFORMS.register_module(name="LoadImageFromFileMono3D", module=LoadMonoImage)


@TRANSFORMS.register_module(name="MonoDet3DInferencerLoader")
class LoadInferencerImage(LoadMonoImage):
    """Image and camera of an inferencer's input: ``img``, path or (h, w, 3) BGR, and ``cam2img``.

    Raises:
        DatasetError: the file is missing or no image.
        TypeError: ``img`` is something else.
    """

    def transform(self, results: dict) -> dict:
        """Read the image and start the bookkeeping of its pixels."""
        box_type, box_mode = get_box_type("Camera")
        image = results["img"]
        item = dict(
            img_path="",
            cam2img=np.asarray(results["cam2img"])[:3, :3],
            box_type_3d=box_type,
            box_mode_3d=box_mode,
        )
        if isinstance(image, np.ndarray):
            return super().transform(item | dict(img=image))
        if isinstance(image, str):
            return super().transform(item | dict(img_path=image))
        raise TypeError(f"img is {type(image).__name__}, expected a path or an array (h, w, 3)")
