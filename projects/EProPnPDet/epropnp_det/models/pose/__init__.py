"""From correspondences to poses: the PnP layer as a stage of the detector."""

from .pose_solver import PoseSolver
from .reprojection_solver import ReprojectionPoseSolver

__all__ = ["PoseSolver", "ReprojectionPoseSolver"]
