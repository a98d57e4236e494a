"""Fixtures of the data path."""

from nuscenes_data import nuscenes_root

__all__ = ["nuscenes_root"]
