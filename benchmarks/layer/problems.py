"""Random pose problems of the benchmarks: objects of some metres, some ten metres away."""

from typing import NamedTuple

import torch
from torch import Tensor

from epropnp import PerspectiveCamera

INTRINSICS = ((1000.0, 0.0, 800.0), (0.0, 1000.0, 450.0), (0.0, 0.0, 1.0))
IMAGE = (900, 1600)  # height, width


class Scene(NamedTuple):
    """Correspondences (B, n, ...) and the true poses (B, P), float32."""

    x3d: Tensor
    x2d: Tensor
    w2d: Tensor
    camera: PerspectiveCamera
    pose: Tensor

    @property
    def correspondences(self) -> tuple:
        """What the layer takes."""
        return self.x3d, self.x2d, self.w2d, self.camera

    def to(self, device: torch.device) -> "Scene":
        """The same on another device."""
        x3d, x2d, w2d, pose = (t.to(device) for t in (self.x3d, self.x2d, self.w2d, self.pose))
        camera = PerspectiveCamera().bind(self.camera.cam_mats.to(device), torch.tensor(IMAGE))
        return Scene(x3d, x2d, w2d, camera, pose)


def scene(dof: int, objects: int, points: int, noise: float = 2.0, outliers: float = 0.0) -> Scene:
    """Objects of about 4 x 1.6 x 1.8 metres with weights that know the noise, in pixels.

    Args:
        dof: 4 or 6.
        objects: B.
        points: n.
        noise: standard deviation of the image points, pixels.
        outliers: share of image points that lie anywhere in the image.
    """
    generator = torch.Generator().manual_seed(objects + points + dof)

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(*shape, generator=generator)

    pose = torch.zeros(objects, 4 if dof == 4 else 7)
    pose[:, 2] = uniform(8.0, 40.0, objects)
    pose[:, 0] = uniform(-0.6, 0.6, objects) * pose[:, 2]
    pose[:, 1] = uniform(0.5, 1.5, objects)
    if dof == 4:
        pose[:, 3] = uniform(-3.14, 3.14, objects)
    else:
        normal = torch.randn(objects, 4, generator=generator)
        pose[:, 3:] = torch.nn.functional.normalize(normal, dim=1)
    x3d = uniform(-0.5, 0.5, objects, points, 3) * torch.tensor([4.0, 1.6, 1.8])
    cam_mats = torch.tensor(INTRINSICS).expand(objects, 3, 3)
    camera = PerspectiveCamera().bind(cam_mats, torch.tensor(IMAGE))
    x2d = camera.project(x3d @ rotation_matrix(pose).mT + pose[:, None, :3])
    x2d = x2d + noise * torch.randn(objects, points, 2, generator=generator)
    anywhere = uniform(0.0, 1.0, objects, points, 2) * torch.tensor([IMAGE[1], IMAGE[0]])
    wild = uniform(0.0, 1.0, objects, points, 1) < outliers
    x2d = torch.where(wild, anywhere, x2d)
    w2d = uniform(0.5, 1.5, objects, points, 2) / max(noise, 1.0)
    return Scene(x3d, x2d, w2d, camera, pose)


def rotation_matrix(pose: Tensor) -> Tensor:
    """Rotation (B, 3, 3) of poses (B, P)."""
    from epropnp import QuatPose, YawPose

    return (YawPose() if pose.shape[-1] == 4 else QuatPose()).rotation_matrix(pose)
