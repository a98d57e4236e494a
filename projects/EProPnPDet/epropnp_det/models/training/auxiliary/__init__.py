"""Auxiliary tasks that shape the key and value maps; not used at test time."""

from .auxiliary_losses import AuxiliaryLosses
from .depth import LidarDepthHead
from .lidar_assignment import InterpolatedCells, TransformedCells

__all__ = ["AuxiliaryLosses", "InterpolatedCells", "LidarDepthHead", "TransformedCells"]
