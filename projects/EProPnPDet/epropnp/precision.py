"""Full precision for everything public: a training under autocast must not reach into the layer."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def full_precision(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The same function with autocast turned off on the device of its first tensor."""

    @wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        devices = map(_device, (*args, *kwargs.values()))
        device = next((device for device in devices if device is not None), "cpu")
        if device == "meta":  # where nothing is computed
            return function(*args, **kwargs)
        with torch.autocast(device, enabled=False):
            return function(*args, **kwargs)

    return run


def _device(value: Any) -> str | None:
    """Type of the device of a tensor, or of the first tensor of a record."""
    if isinstance(value, Tensor):
        return value.device.type
    if hasattr(value, "leaves"):
        return next((leaf.device.type for leaf in value.leaves().values()), None)
    return None
