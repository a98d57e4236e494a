"""Training targets: annotation centres, point assignment, object sampling."""

from .ground_truth import GroundTruth, LidarPoints, collect_ground_truth
from .object_sampling import CenternessSampler
from .point_targets import CenterAssigner, PointGrid, PointTargets, make_point_grid
from .volume_center import VolumeCenter

__all__ = [
    "CenterAssigner",
    "CenternessSampler",
    "GroundTruth",
    "LidarPoints",
    "PointGrid",
    "PointTargets",
    "VolumeCenter",
    "collect_ground_truth",
    "make_point_grid",
]
