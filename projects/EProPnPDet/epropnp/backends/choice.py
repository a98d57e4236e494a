"""Which backend a layer uses when it is given none.

The choice is automatic: compiled kernels where numba is installed (``pip install
"epropnp[fast]"``), else the eager reference. ``EPROPNP_BACKEND=eager`` or ``numba`` in the
environment, or `set_default_backend`, decides otherwise. It is logged once, as is the first
compilation.
"""

import importlib.util
import logging
import os
from functools import cache

from epropnp.backends.eager import EagerBackend
from epropnp.backends.protocol import Backend

VARIABLE = "EPROPNP_BACKEND"
NAMES = ("auto", "eager", "numba")
_logger = logging.getLogger("epropnp")
_chosen: dict[str, Backend] = {}


def default_backend() -> Backend:
    """Backend for whoever is given none.

    Raises:
        ValueError: the environment variable ``EPROPNP_BACKEND`` names no backend.
        ImportError: it names one whose compiler is not installed.
    """
    if "set" in _chosen:
        return _chosen["set"]
    return _named(os.environ.get(VARIABLE, "auto"))


def set_default_backend(backend: Backend | str | None) -> None:
    """Set what `default_backend` returns: a backend, the name of one, or None for the environment.

    Layers made before keep theirs.

    Raises:
        ValueError: an unknown name.
        ImportError: a backend whose compiler is not installed.
    """
    if backend is None:
        _chosen.clear()
        return
    _chosen["set"] = _named(backend) if isinstance(backend, str) else backend


@cache
def _named(name: str) -> Backend:
    if name not in NAMES:
        raise ValueError(f"backend {name!r} must be one of {NAMES}; see {VARIABLE}")
    installed = _installed()
    if name == "numba" and not installed:
        raise ImportError('backend "numba" needs numba: pip install "epropnp[fast]"')
    if name == "eager" or not installed:
        why = "as asked for" if name == "eager" else "numba is not installed"
        _logger.info("epropnp: eager backend (%s)", why)
        return EagerBackend()
    from epropnp.backends.numba_cpu.backend import NumbaBackend

    _logger.info("epropnp: compiled kernels for CPU tensors, eager operations for others")
    return NumbaBackend()


def _installed() -> bool:
    return importlib.util.find_spec("numba") is not None
