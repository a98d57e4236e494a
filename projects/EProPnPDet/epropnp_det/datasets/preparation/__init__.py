"""From nuScenes tables to the files that the data sets of a config read.

* ``tables``: is the data root complete?
* ``mmdet3d_converter``: mmdet3d's own converter writes the info files.
* ``annotate``: objects of each camera image, from the tables.
* ``prepare``: all of it, as one call.
"""

from .prepare import prepare_nuscenes

__all__ = ["prepare_nuscenes"]
