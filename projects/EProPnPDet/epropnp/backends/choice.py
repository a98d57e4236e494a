"""Which backend a layer uses when it is given none.

The choice is automatic: for tensors of the CPU kernels compiled by numba where it is installed
(``pip install "epropnp[fast]"``), for those of a GPU kernels compiled by Triton where that is
(torch for CUDA brings it along), else the eager reference. ``EPROPNP_BACKEND=eager``, ``numba`` or
``triton`` in the environment, or `set_default_backend`, decides otherwise: the kernels of that one,
eager operations for other devices. It is logged once, as is the first compilation.
"""

import importlib.metadata
import importlib.util
import logging
import os
import re
from functools import cache

import torch

from epropnp.backends.by_device import ByDevice
from epropnp.backends.eager import EagerBackend
from epropnp.backends.protocol import Backend

VARIABLE = "EPROPNP_BACKEND"
NAMES = ("auto", "eager", "numba", "triton")
EXTRA_OF = {"numba": "fast", "triton": "gpu"}  # what installs a compiler
OLDEST = {"triton": (3, 6)}  # as in requirements/gpu.txt
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
    if name in EXTRA_OF and not _installed(name):
        extra = EXTRA_OF[name]
        raise ImportError(f'backend "{name}" needs {name}: pip install "epropnp[{extra}]"')
    on_cpu = name == "numba" or (name == "auto" and _installed("numba"))
    on_gpu = name == "triton" or (name == "auto" and _has_gpu() and _installed("triton"))
    _log(name, on_cpu, on_gpu)
    if on_cpu and on_gpu:
        return ByDevice(_numba(), _triton())
    if on_cpu or on_gpu:
        return _numba() if on_cpu else _triton()
    return EagerBackend()


def _log(name: str, on_cpu: bool, on_gpu: bool) -> None:
    """Say what was chosen."""
    kernels = [device for device, used in (("CPU", on_cpu), ("GPU", on_gpu)) if used]
    if kernels:
        where = " and ".join(kernels)
        _logger.info("epropnp: compiled kernels for %s tensors, eager operations else", where)
    else:
        why = "as asked for" if name == "eager" else "numba is not installed"
        _logger.info("epropnp: eager backend (%s)", why)


def _numba() -> Backend:
    from epropnp.backends.numba_cpu.backend import NumbaBackend

    return NumbaBackend()


def _triton() -> Backend:
    from epropnp.backends.triton_gpu.backend import TritonBackend

    return TritonBackend()


def _has_gpu() -> bool:
    """Whether torch was built for GPUs; asking a driver would spoil a later fork."""
    return torch.backends.cuda.is_built()


def _installed(name: str) -> bool:
    """Whether a compiler is there that its kernels can be written for."""
    return importlib.util.find_spec(name) is not None and _version(name) >= OLDEST.get(name, ())


def _version(name: str) -> tuple[int, ...]:
    """Major and minor number of a package; zero of one that says none."""
    try:
        numbers = re.findall(r"\d+", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return (0, 0)
    return tuple(map(int, numbers[:2]))
