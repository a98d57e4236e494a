"""Single photographs of the synthetic streets, in layouts that are not nuScenes.

* ``photo``: one image and what it shows, in the camera frame.
* ``kitti_layout``, ``custom_layout``: how such photographs lie on disk.
* ``generate``: a whole data set.
"""

from .generate import LAYOUTS, StreetSettings, generate_street

__all__ = ["LAYOUTS", "StreetSettings", "generate_street"]
