"""Poses of 1000 boxes from noisy 2D-3D matches, with their uncertainty. Needs torch only.

    python demo/standalone_pnp.py

Prints the errors of the solutions, how often the true pose lies in the 90 % credible region, and
one object in detail. On two CPU cores it takes a few seconds.
"""

import torch

from epropnp import EProPnP4DoF, HuberPnPCost, LMSolver, PerspectiveCamera, RSLMSolver, YawPose
from epropnp.posterior import credible_log_density, pose_distribution

NUM_OBJECTS, NUM_POINTS, NOISE = 1000, 32, 2.0  # noise in pixels


def simulate() -> tuple[torch.Tensor, ...]:
    """True poses (B, 4), object points (B, n, 3), their noisy images (B, n, 2) and intrinsics."""
    low, high = torch.tensor([-5.0, 0.5, 8.0, -3.14]), torch.tensor([5.0, 1.5, 30.0, 3.14])
    pose = low + (high - low) * torch.rand(NUM_OBJECTS, 4)
    x3d = (torch.rand(NUM_OBJECTS, NUM_POINTS, 3) - 0.5) * torch.tensor([4.5, 1.6, 1.9])
    intrinsics = torch.tensor([[1260.0, 0, 800], [0, 1260, 450], [0, 0, 1]])
    points_cam = x3d @ YawPose().rotation_matrix(pose).mT + pose[:, None, :3]
    homogeneous = points_cam @ intrinsics.T
    x2d = homogeneous[..., :2] / homogeneous[..., 2:]
    return pose, x3d, x2d + NOISE * torch.randn_like(x2d), intrinsics


def main() -> None:
    """Solve, sample and report."""
    torch.manual_seed(0)
    pose_gt, x3d, x2d, intrinsics = simulate()
    w2d = torch.full_like(x2d, 1 / NOISE)  # a network would predict these
    camera = PerspectiveCamera().bind(intrinsics.expand(NUM_OBJECTS, 3, 3))
    start = RSLMSolver(num_points=8, num_proposals=32)  # no initial pose is given
    layer = EProPnP4DoF(mc_samples=512, solver=LMSolver(dof=4, init_solver=start))

    poses = pose_distribution(layer, x3d, x2d, w2d, camera, HuberPnPCost(delta=6.0))
    error = (poses.pose_opt - pose_gt).abs()
    turn = torch.remainder(error[:, 3], 2 * torch.pi)
    turn = torch.minimum(turn, 2 * torch.pi - turn).rad2deg()
    print(f"valid objects         {int(poses.valid.sum())} of {NUM_OBJECTS}")
    print(f"median error          {error[:, 2].median():.3f} m in depth, {turn.median():.2f} deg")
    inside = poses.log_prob(pose_gt) >= credible_log_density(poses, 0.9)
    print(f"in 90 % region        {inside.float().mean():.1%} of the true poses")
    print(f"median sample size    {poses.effective_sample_size.median():.0f} effective of 512")

    std = poses.pose_cov[0].diagonal().sqrt().tolist()
    print("\nobject 0   x      y      z      yaw")
    print("true    ", *(f"{v:6.2f}" for v in pose_gt[0].tolist()))
    print("mode    ", *(f"{v:6.2f}" for v in poses.pose_opt[0].tolist()))
    print("std     ", *(f"{v:6.3f}" for v in std))
    print(f"entropy  {poses.entropy[0]:.2f} nats, log evidence {poses.log_evidence[0]:.2f}")


if __name__ == "__main__":
    main()
