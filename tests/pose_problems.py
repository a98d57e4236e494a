"""Pose problems with known answers, for tests of the probabilistic layer."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import special

from epropnp.amis import AMIS
from epropnp.camera import PerspectiveCamera
from epropnp.cost import LeastSquaresCost, Linearization
from epropnp.distributions import wrap_angle
from epropnp.kernels import Huber
from epropnp.manifolds import QuatPose, YawPose, quaternion_tangent
from epropnp.proposals import QuaternionProposals, YawProposals
from epropnp.reprojection import ReprojectionCost

INTRINSICS = torch.tensor([[800.0, 0, 320], [0, 800, 240], [0, 0, 1]], dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class QuadraticYawCost(LeastSquaresCost):
    """Half the squared length of ``factor @ (pose - mode)``, periodic in yaw: a normal density."""

    mode: torch.Tensor  # (B, 4)
    factor: torch.Tensor  # (B, 4, 4)
    manifold = YawPose()
    num_residuals = 4

    def _residual(self, pose):
        error = pose - self.mode
        error = torch.cat((error[..., :3], wrap_angle(error[..., 3:])), dim=-1)
        return (self.factor @ error.unsqueeze(-1)).squeeze(-1)

    def value(self, pose):
        return 0.5 * self._residual(pose).square().sum(-1)

    def linearize(self, pose):
        residual = self._residual(pose)
        jacobian = self.factor.expand(*residual.shape, 4)
        return Linearization(residual, jacobian, self.value(pose))

    def log_evidence(self):
        """Exact but for the tails of yaw beyond half a turn."""
        return 2 * math.log(2 * math.pi) - torch.linalg.det(self.factor).abs().log()

    def entropy(self):
        return 2 * (1 + math.log(2 * math.pi)) - torch.linalg.det(self.factor).abs().log()


@dataclass(frozen=True, eq=False)
class BinghamCost(LeastSquaresCost):
    """Normal translation, and density exp(-kappa (1 - (q . mode)^2)) of unit quaternions."""

    mode: torch.Tensor  # (B, 7)
    sigma: torch.Tensor  # (B,) of translation
    kappa: torch.Tensor  # (B,)
    manifold = QuatPose()
    num_residuals = 6

    def _basis(self):
        basis = quaternion_tangent(self.mode[..., 3:])
        return (2 * self.kappa).sqrt()[..., None, None] * basis

    def linearize(self, pose):
        translation = (pose[..., :3] - self.mode[..., :3]) / self.sigma.unsqueeze(-1)
        basis = self._basis().mT
        rotation = (basis @ pose[..., 3:, None]).squeeze(-1)
        residual = torch.cat((translation, rotation), dim=-1)
        jacobian = residual.new_zeros(*residual.shape, 6)
        jacobian[..., :3, :3] = torch.eye(3).to(pose) / self.sigma[..., None, None]
        jacobian[..., 3:, 3:] = basis @ quaternion_tangent(pose[..., 3:])
        return Linearization(residual, jacobian, 0.5 * residual.square().sum(-1))

    def value(self, pose):
        return self.linearize(pose).value

    def log_evidence(self):
        rotation = np.log(2 * math.pi**2) + np.log(special.hyp1f1(1.5, 2.0, -self.kappa.numpy()))
        return 1.5 * math.log(2 * math.pi) + 3 * self.sigma.log() + torch.from_numpy(rotation)


def quadratic_cost(batch, spread=0.2, seed=0):
    rng = np.random.default_rng(seed)
    mixed = torch.from_numpy(rng.standard_normal((batch, 4, 4)) * 0.3 + np.eye(4)) / spread
    mode = torch.from_numpy(rng.uniform(-1, 1, (batch, 4)) * (3.0, 1.0, 3.0, 3.0))
    return QuadraticYawCost(mode, mixed)


def bingham_cost(kappa, seed=0):
    kappa = torch.as_tensor(kappa, dtype=torch.float64)
    mode = torch.randn(len(kappa), 7, dtype=torch.float64, generator=generator(seed))
    mode[:, 3:] /= mode[:, 3:].norm(dim=-1, keepdim=True)
    return BinghamCost(mode, torch.full_like(kappa, 0.3), kappa)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def camera(batch=1, dtype=torch.float64):
    return PerspectiveCamera().bind(INTRINSICS.to(dtype).expand(batch, 3, 3))


def box_points(batch, num, size=(2.0, 1.0, 1.0), seed=0):
    """Points (B, n, 3) inside a box of given full sides, metres."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.uniform(-0.5, 0.5, (batch, num, 3)) * size)


def random_poses(batch, dof=4, seed=0, depth=(6.0, 12.0)):
    rng = np.random.default_rng(seed)
    translation = rng.uniform((-2, -0.5, depth[0]), (2, 0.5, depth[1]), (batch, 3))
    if dof == 4:
        rotation = rng.uniform(-math.pi, math.pi, (batch, 1))
    else:
        rotation = rng.standard_normal((batch, 4))
        rotation /= np.linalg.norm(rotation, axis=1, keepdims=True)
    return torch.from_numpy(np.concatenate((translation, rotation), axis=1))


def project(pose, x3d, manifold):
    """Pixels (B, n, 2) by the textbook formula."""
    cam = x3d @ manifold.rotation_matrix(pose).mT + pose[..., None, :3]
    homogeneous = cam @ INTRINSICS.to(x3d).mT
    return homogeneous[..., :2] / homogeneous[..., 2:]


def noisy_pnp_cost(pose, x3d, sigma, manifold, seed=0):
    """Cost that is the exact negative log likelihood of pixels with normal noise ``sigma``."""
    x2d = project(pose, x3d, manifold)
    x2d = x2d + sigma * torch.randn(x2d.shape, dtype=x2d.dtype, generator=generator(seed))
    w2d = torch.full_like(x2d, 1 / sigma)
    kernel = Huber(torch.full((len(pose),), math.inf, dtype=x2d.dtype))
    return ReprojectionCost.from_correspondences(
        x3d, x2d, w2d, camera(len(pose), x3d.dtype), kernel, manifold
    )


def sampler(cost, num_samples=512, num_iter=4):
    proposals = YawProposals() if cost.manifold.dof == 4 else QuaternionProposals()
    return AMIS(num_samples, num_iter, proposals)


def standard_error(weights):
    """Of the log evidence, from the effective sample size: weights (S, B) -> (B,)."""
    ess = weights.square().sum(0).reciprocal()
    return (1 / ess - 1 / len(weights)).clamp(min=0).sqrt()
