"""Network, criteria and solvers; importing registers them."""

from .dense_head import DenseCorrespondenceHead
from .monte_carlo_criterion import MonteCarloCriterion
from .object_aware_head import ObjectAwareHead
from .pose_estimator import DensePoseEstimator
from .pose_solvers import EPnPRefineSolver, RansacPnPSolver
from .regression_criterion import CoordRegressionCriterion
from .structures import PoseDataSample

__all__ = [
    "CoordRegressionCriterion",
    "DenseCorrespondenceHead",
    "DensePoseEstimator",
    "EPnPRefineSolver",
    "MonteCarloCriterion",
    "ObjectAwareHead",
    "PoseDataSample",
    "RansacPnPSolver",
]
