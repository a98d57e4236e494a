"""BOP data as crops of single objects; importing registers data set and transforms."""

from . import transforms  # only registration
from .bop_dataset import BOPDataset

__all__ = ["BOPDataset", "transforms"]
