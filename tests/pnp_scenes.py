"""Random pose problems with known answers, for tests of the probabilistic PnP layer."""

from dataclasses import replace
from typing import NamedTuple

import torch

from epropnp import Huber, PerspectiveCamera, QuatPose, ReprojectionCost, YawPose

INTRINSICS = torch.tensor([[900.0, 3.0, 420.0], [0.0, 880.0, 310.0], [0.0, 0.0, 1.0]])
IMAGE_SHAPE = (620, 840)  # height, width


class Scene(NamedTuple):
    """Correspondences (B, n, ...) of objects at known poses (B, P)."""

    x3d: torch.Tensor
    x2d: torch.Tensor
    w2d: torch.Tensor
    camera: PerspectiveCamera
    pose: torch.Tensor

    @property
    def correspondences(self):
        return self.x3d, self.x2d, self.w2d, self.camera


def manifold_of(dof, gravity=None):
    return YawPose(gravity) if dof == 4 else QuatPose()


def tilted(num, seed=0, dtype=torch.float64):
    """Rotations (num, 3, 3) by up to some twenty degrees."""
    generator = torch.Generator().manual_seed(seed)
    vector = 0.3 * torch.randn(num, 3, generator=generator, dtype=dtype).clamp(-1.2, 1.2)
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), -1).view(num, 3, 3)
    return torch.linalg.matrix_exp(skew)


def random_pose(dof, num, generator, dtype=torch.float64, depth=12.0):
    normal = torch.randn(num, 7, generator=generator, dtype=dtype)
    place = torch.tensor([1.2, 0.7, 2.0], dtype=dtype) * normal[:, :3].clamp(-1.5, 1.5)
    place = place + torch.tensor([0.0, 0.0, depth], dtype=dtype)
    if dof == 4:
        return torch.cat((place, 2 * normal[:, 3:4]), dim=1)
    return torch.cat((place, torch.nn.functional.normalize(normal[:, 3:], dim=1)), dim=1)


def scene(dof, num=3, points=24, noise=0.0, seed=0, dtype=torch.float64, gravity=None, depth=12.0):
    """Objects of about two metres at about ``depth``, seen by a camera of 840 x 620 pixels."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    pose = random_pose(dof, num, generator, dtype, depth)
    x3d = normal(num, points, 3) * torch.tensor([1.5, 0.7, 0.8], dtype=dtype)
    shape = torch.tensor(IMAGE_SHAPE).expand(num, 2)
    cam_mats = INTRINSICS.to(dtype).expand(num, 3, 3).clone()
    camera = PerspectiveCamera().bind(cam_mats, shape, gravity=gravity)
    rotation = manifold_of(dof, gravity).rotation_matrix(pose)
    x2d = camera.project(x3d @ rotation.mT + pose[:, None, :3]) + noise * normal(num, points, 2)
    w2d = torch.softmax(normal(num, points, 2), dim=1) * points * (0.7 / max(noise, 0.5))
    return Scene(x3d, x2d, w2d, camera, pose)


def cost_of(problem, dof, delta=1e6, gravity=None):
    """Reprojection cost of a scene, quadratic unless ``delta`` is small."""
    kernel = Huber(torch.full((len(problem.x3d),), float(delta), dtype=problem.x3d.dtype))
    return ReprojectionCost.from_correspondences(
        *problem.correspondences, kernel, manifold_of(dof, gravity)
    )


def near_scene(dof, seed=0, gravity=None, delta=3.0):
    """A cost and poses off its minimum, with many points behind the camera or clipped."""
    problem = scene(dof, 4, 40, noise=4.0, seed=seed, gravity=gravity, depth=1.0)
    pose = problem.pose.clone()
    pose[:, :3] += 0.2
    return cost_of(problem, dof, delta, gravity), pose


def clipped_cost(dof, num=5, points=37, delta=2.0, gravity=False, dtype=torch.float64):
    """A cost with clipped pixels, points nearer than ``z_min``, outliers and inliers."""
    tilt = tilted(num) if gravity else None
    data = scene(dof, num=num, points=points, noise=4.0, gravity=tilt)
    cost = cost_of(data, dof, delta, gravity=tilt)
    camera = replace(
        cost.camera,
        z_min=data.pose[:, 2].min().item(),  # half of the points of the nearest object
        lower=torch.tensor([250.0, 180.0]).double().view(2, 1).repeat(num, 1, 1),
        upper=torch.tensor([600.0, 420.0]).double().view(2, 1).repeat(num, 1, 1),
    )
    cost = replace(cost, camera=camera)
    leaves = {name: leaf.to(dtype) for name, leaf in cost.leaves().items()}
    return cost.with_leaves(leaves), data.pose.to(dtype)


def around(pose, samples, spread=0.1):
    """Poses (S, B, P) near given ones, quaternions of unit length."""
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn(samples, *pose.shape, generator=generator, dtype=pose.dtype).to(pose)
    poses = pose + spread * noise
    if pose.shape[-1] == 7:
        poses[..., 3:] /= poses[..., 3:].norm(dim=-1, keepdim=True)
    return poses
