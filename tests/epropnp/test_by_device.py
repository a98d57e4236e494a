"""Every operation of a backend goes to the one of the device."""

import inspect
from types import SimpleNamespace

import pytest
import torch

from epropnp.backends import Backend, EagerBackend
from epropnp.backends.by_device import ByDevice

OPERATIONS = sorted(name for name in vars(Backend) if not name.startswith("_"))


class Recorder:
    """Answers every operation with its name, its own name and the arguments."""

    def __init__(self, name):
        self.name = name

    def __getattr__(self, operation):
        return lambda *args: (self.name, operation, args)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("device", "expected"), [("cpu", "cpu"), ("cuda", "gpu"), ("meta", "cpu")])
def test_an_operation_goes_to_the_backend_of_its_tensors(operation, device, expected):
    tensor = SimpleNamespace(device=torch.device(device))
    tensor.log_shares = tensor  # a mixture has no device of its own
    names = list(inspect.signature(getattr(Backend, operation)).parameters)[1:]
    args = [tensor if name in TENSORS else name for name in names]
    backend = ByDevice(Recorder("cpu"), Recorder("gpu"))
    assert getattr(backend, operation)(*args) == (expected, operation, tuple(args))


TENSORS = {"pose", "poses", "values", "points", "residuals", "scales", "planar", "chance", "draws"}
TENSORS |= {"race", "mixture", "first", "log_weights", "log_shares", "index"}


def test_it_has_every_operation_of_the_protocol():
    assert all(hasattr(ByDevice(EagerBackend(), EagerBackend()), name) for name in OPERATIONS)
