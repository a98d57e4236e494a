"""Who does the arithmetic of the layer: minimising, costs of many poses, densities of samples."""

from epropnp.backends.choice import default_backend, set_default_backend
from epropnp.backends.eager import EagerBackend
from epropnp.backends.protocol import Backend, StepRule

__all__ = ["Backend", "EagerBackend", "StepRule", "default_backend", "set_default_backend"]
