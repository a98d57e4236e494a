"""What the detector and the 6DoF network share of MMEngine and MMDetection3D.

* ``layer``: the classes of :mod:`epropnp`, registered, so that configs can name them.
* ``engine``: runner, optimizer wrapper, hooks, and the check of a checkpoint against a model.
* ``compat``: bridges to the installed versions of torch and mmengine.

Importing the package registers all of it in mmdet3d's registries and lets torch's safe loading
accept mmengine's checkpoints; nothing else happens.
"""

from . import engine, layer  # only registration
from .compat import allow_mmengine_checkpoints

allow_mmengine_checkpoints()

__all__ = ["engine", "layer"]
