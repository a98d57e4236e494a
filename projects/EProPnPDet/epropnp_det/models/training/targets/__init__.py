"""Training targets: annotation centres, point assignment, object sampling."""

from .ground_truth import GroundTruth, LidarPoints, collect_ground_truth
from .object_sampling import sample_objects
from .point_targets import PointGrid, PointTargets, assign_points, make_point_grid
from .volume_center import VolumeCenter

__all__ = [
    "GroundTruth",
    "LidarPoints",
    "PointGrid",
    "PointTargets",
    "VolumeCenter",
    "assign_points",
    "collect_ground_truth",
    "make_point_grid",
    "sample_objects",
]
