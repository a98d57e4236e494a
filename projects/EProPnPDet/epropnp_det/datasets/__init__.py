"""Data path of the detector: nuScenes tables -> info files -> camera images with annotations.

* ``preparation``: writes mmdet3d's info files and the side files (``tools/create_data.py``).
* ``nuscenes_mono``, ``custom_mono``: the data sets; one item per camera image.
* ``transforms``: loading, geometric augmentation with exact bookkeeping, packing.
* ``box_projection``, ``camera_poses``: nuScenes facts; more in :mod:`epropnp_data`.

Letters: G annotated objects of an image, P lidar points, k points of one object. Metres, radians,
pixels. "ori" pixels belong to the original image, "aug" pixels to the network input; both count
continuously, the centre of the top-left pixel is (0.5, 0.5). ``img_transform`` (3, 3) maps ori
pixels to aug pixels. Camera frame: x right, y down, z forward; it is never mirrored.
"""

from . import transforms  # only registration
from .custom_mono import CustomMonoDataset
from .nuscenes_mono import NuScenesMonoDataset

__all__ = ["CustomMonoDataset", "NuScenesMonoDataset", "transforms"]
