"""From correspondences to poses: the PnP layer as a stage of the detector."""

from .pose_solver import PoseSolver

__all__ = ["PoseSolver"]
