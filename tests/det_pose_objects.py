"""Objects of known pose for the PnP stage of the detector."""

import torch

from epropnp_det.models.structures import BatchGeometry, ObjectPredictions

PNP = dict(
    type="EProPnP4DoF",
    mc_samples=64,
    num_iter=4,
    normalize=True,
    solver=dict(
        type="LMSolver", dof=4, num_iter=10, normalize=True, init_solver=dict(type="RSLMSolver")
    ),
)


def make_objects(num=6, noise=0.0):
    """Objects in two images whose points project exactly, their poses, geometry and images."""
    generator = torch.Generator().manual_seed(0)

    def uniform(low, high, *shape):
        return torch.rand(*shape, generator=generator) * (high - low) + low

    poses = torch.stack(
        (uniform(-8, 8, num), uniform(-1, 2, num), uniform(8, 40, num), uniform(-3, 3, num)), dim=1
    )
    dims, noc = uniform(1, 5, num, 3), uniform(-0.5, 0.5, num, 32, 3)
    img_inds = torch.arange(num) % 2
    cameras = torch.tensor([[[800.0, 0, 400], [0, 800, 200], [0, 0, 1]]]).repeat(2, 1, 1)
    cameras[1, 0, 2] = 500
    cos, sin = poses[:, 3].cos()[:, None], poses[:, 3].sin()[:, None]
    x, y, z = (noc * dims[:, None]).unbind(-1)
    points_cam = torch.stack((cos * x + sin * z, y, cos * z - sin * x), -1) + poses[:, None, :3]
    pixels = points_cam @ cameras[img_inds].mT
    x2d = pixels[..., :2] / pixels[..., 2:] + noise * uniform(-1, 1, num, 32, 2)
    objects = ObjectPredictions(
        query=torch.zeros(num, 2, 4),
        x2d=x2d,
        noc=noc,
        w2d=torch.full((num, 32, 2), 1 / 32),
        scale=torch.full((num, 2), 32.0),
        dims_code=torch.zeros(num, 3),
        dims=dims,
        score_logits=torch.linspace(-1, 1, num),
        velocities=None,
        attr_logits=None,
    )
    eye, sizes = torch.eye(3).repeat(2, 1, 1), torch.tensor([[400.0, 800], [400, 1000]])
    flips = torch.zeros(2, dtype=torch.bool)
    return objects, poses, BatchGeometry(cameras, eye, sizes, sizes, flips, (400, 1000)), img_inds
