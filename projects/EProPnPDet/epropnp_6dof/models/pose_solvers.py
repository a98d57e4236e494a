"""Poses from dense maps at inference."""

import cv2
import numpy as np
import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from epropnp.conversions import rotation_to_quaternion
from epropnp.fitting import normalized_weights
from epropnp.posterior import PoseDistribution, pose_distribution

from .correspondences import Correspondences, find_weighting, gather_correspondences
from .pnp import CropPnP
from .structures import CropBatch, DenseMaps, PosePredictions

MIN_POINTS = 6  # OpenCV's EPnP and RANSAC need at least 4 to 6 points


@MODELS.register_module()
class EPnPRefineSolver(nn.Module):
    """EPnP on the most confident cells, then the layer's solver on all of them.

    A crop where EPnP fails starts from random subsets instead.

    Args:
        weighting: as in training.
        top_fraction: share of the cells, by mean weight, given to EPnP.
        fast_mode: undamped Gauss-Newton as in the published evaluation (3 steps there), instead of
            Levenberg-Marquardt, which never ends above its start cost.
        pnp: as that of `CropPnP`.
        camera: likewise.
        cost_fun: likewise.
    """

    def __init__(
        self,
        weighting: str = "softmax",
        top_fraction: float = 0.2,
        fast_mode: bool = False,
        pnp: dict | None = None,
        camera: dict | None = None,
        cost_fun: dict | None = None,
    ) -> None:
        super().__init__()
        self.weighting = find_weighting(weighting)
        self.top_fraction = top_fraction
        self.fast_mode = fast_mode
        self.pnp = CropPnP(pnp, camera, cost_fun)

    @torch.no_grad()
    def forward(self, maps: DenseMaps, batch: CropBatch) -> PosePredictions:
        """Solve B crops."""
        points = gather_correspondences(maps, batch, self.weighting)
        start, found = epnp(points, batch.cam_mats, self.top_fraction)
        camera = self.pnp.bind_camera(batch, grid_size=None)
        arguments = (points.x3d, points.x2d, points.w2d, camera, self.pnp.cost_fun)
        options = dict(fast_mode=self.fast_mode, with_pose_cov=True)
        solution = self.pnp.layer(*arguments, pose_init=start, force_init_solve=False, **options)
        poses, covariances, valid = solution.pose_opt, solution.pose_cov, solution.valid
        if not bool(found.all()):
            random = self.pnp.layer(*arguments, **options)
            poses = torch.where(found[:, None], poses, random.pose_opt)
            covariances = torch.where(found[:, None, None], covariances, random.pose_cov)
            valid = torch.where(found, valid, random.valid)
        return PosePredictions(poses, covariances, valid)

    @torch.no_grad()
    def sample(self, maps: DenseMaps, batch: CropBatch, poses: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted samples of the pose density of B crops.

        Args:
            maps: dense maps.
            batch: geometry.
            poses: (B, 7) solutions to sample around.

        Returns:
            Poses (S, B, 7) and weights (S, B), which sum to one.
        """
        points = gather_correspondences(maps, batch, self.weighting)
        result = self.pnp.layer.monte_carlo_forward(
            points.x3d,
            points.x2d,
            points.w2d,
            self.pnp.bind_camera(batch, grid_size=None),
            self.pnp.cost_fun,
            pose_init=poses,
            force_init_solve=False,
        )
        return result.pose_samples, normalized_weights(result.pose_sample_logweights)

    @torch.no_grad()
    def distribution(
        self, maps: DenseMaps, batch: CropBatch, poses: Tensor, temperature: float = 1.0
    ) -> PoseDistribution:
        """Pose distribution of B crops, its cost divided by a temperature.

        The robust kernel scales with the weights, so weights divided by the root of the temperature
        divide the cost by it.

        Args:
            maps: dense maps.
            batch: geometry.
            poses: (B, 7) solutions, which compete with the layer's own start.
            temperature: above 1 the distribution is wider than the network says.
        """
        points = gather_correspondences(maps, batch, self.weighting)
        camera = self.pnp.bind_camera(batch, grid_size=None)
        weights = points.w2d / temperature**0.5
        layer, cost_fun = self.pnp.layer, self.pnp.cost_fun
        return pose_distribution(
            layer, points.x3d, points.x2d, weights, camera, cost_fun, pose_init=poses
        )


@MODELS.register_module()
class RansacPnPSolver(nn.Module):
    """OpenCV's RANSAC PnP on the cells that the mask logits call object; no covariance.

    Args:
        reprojection_error: inlier threshold in cells of the crop.
        iterations: RANSAC rounds.
    """

    def __init__(self, reprojection_error: float = 2.0, iterations: int = 100) -> None:
        super().__init__()
        self.reprojection_error = reprojection_error
        self.iterations = iterations

    @torch.no_grad()
    def forward(self, maps: DenseMaps, batch: CropBatch) -> PosePredictions:
        """Solve B crops; a crop without solution gets the identity one metre away, not valid."""
        points = gather_correspondences(maps, batch, find_weighting("softmax"))
        masks = (maps.weight_logits.mean(dim=1).flatten(1) > 0).cpu().numpy()
        x3d, x2d, cam_mats = (_numpy(t) for t in (points.x3d, points.x2d, batch.cam_mats))
        steps = _numpy(batch.grid_step)
        solved = [
            self._solve(x3d[i][masks[i]], x2d[i][masks[i]], cam_mats[i], steps[i])
            for i in range(len(masks))
        ]
        poses, valid = _stack_poses(solved, maps.noc)
        return PosePredictions(poses, None, valid)

    def _solve(
        self, x3d: np.ndarray, x2d: np.ndarray, cam_mat: np.ndarray, step: float
    ) -> np.ndarray | None:
        if len(x3d) < MIN_POINTS:
            return None
        found, rotvec, translation, _ = cv2.solvePnPRansac(
            x3d,
            x2d,
            cam_mat,
            None,
            flags=cv2.SOLVEPNP_EPNP,
            reprojectionError=float(self.reprojection_error * step),
            iterationsCount=self.iterations,
        )
        return _pose_matrix(rotvec, translation) if found else None


def epnp(points: Correspondences, cam_mats: Tensor, top_fraction: float) -> tuple[Tensor, Tensor]:
    """EPnP (Lepetit et al., IJCV 2009) on the cells whose mean weight is in the top fraction.

    Args:
        points: B x n correspondences.
        cam_mats: (B, 3, 3).
        top_fraction: cells at or above the (1 - top_fraction) quantile are used.

    Returns:
        Poses (B, 7) and a mask (B,) of crops where it found a finite pose before the camera.
    """
    weight = points.w2d.mean(dim=-1)
    if not len(weight):
        return weight.new_zeros(0, 7), torch.zeros(0, dtype=torch.bool, device=weight.device)
    chosen = weight >= torch.quantile(weight, 1 - top_fraction, dim=1, keepdim=True)
    x3d, x2d, mats = (_numpy(t) for t in (points.x3d, points.x2d, cam_mats))
    chosen = chosen.cpu().numpy()
    solved = [_solve_epnp(x3d[i][chosen[i]], x2d[i][chosen[i]], mats[i]) for i in range(len(mats))]
    return _stack_poses(solved, points.x3d)


def _solve_epnp(x3d: np.ndarray, x2d: np.ndarray, cam_mat: np.ndarray) -> np.ndarray | None:
    if len(x3d) < MIN_POINTS or not (np.isfinite(x3d).all() and np.isfinite(x2d).all()):
        return None
    found, rotvec, translation = cv2.solvePnP(x3d, x2d, cam_mat, None, flags=cv2.SOLVEPNP_EPNP)
    return _pose_matrix(rotvec, translation) if found else None


def _pose_matrix(rotvec: np.ndarray, translation: np.ndarray) -> np.ndarray | None:
    """(3, 4) pose, None if it is not finite or behind the camera."""
    matrix = np.concatenate((cv2.Rodrigues(rotvec)[0], translation.reshape(3, 1)), axis=1)
    return matrix if np.isfinite(matrix).all() and translation.ravel()[2] > 0 else None


def _stack_poses(matrices: list[np.ndarray | None], like: Tensor) -> tuple[Tensor, Tensor]:
    """Poses (B, 7) and a mask of those that exist; the others are the identity 1 m away."""
    default = np.concatenate((np.eye(3), [[0], [0], [1]]), axis=1)
    found = torch.tensor([m is not None for m in matrices], dtype=torch.bool, device=like.device)
    stacked = np.stack([default if m is None else m for m in matrices] or [default])
    stacked = torch.from_numpy(stacked[: len(matrices)]).to(like)
    return torch.cat((stacked[..., 3], rotation_to_quaternion(stacked[..., :3])), dim=-1), found


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()
