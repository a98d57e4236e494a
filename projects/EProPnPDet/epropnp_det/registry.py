"""Parts that mmdet3d must know by names of its own: registered in this package's scope."""

from mmdet3d.registry import TRANSFORMS as MMDET3D_TRANSFORMS
from mmengine.registry import Registry

TRANSFORMS = Registry("transform", parent=MMDET3D_TRANSFORMS, scope="epropnp_det")
