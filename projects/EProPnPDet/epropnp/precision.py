"""Full precision for everything public: a training under autocast must not reach into the layer."""

from collections.abc import Callable, Iterable
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
        device = _first_device((*args, *kwargs.values())) or "cpu"
        if device == "meta":  # where nothing is computed
            return function(*args, **kwargs)
        with torch.autocast(device, enabled=False):
            return function(*args, **kwargs)

    return run


def _first_device(values: Iterable[Any]) -> str | None:
    """Type of the device of the first tensor, or of the first tensor of the first record."""
    for value in values:  # loops: torch 2.6 cannot trace `next`
        if isinstance(value, Tensor):
            return value.device.type
        if hasattr(value, "leaves"):
            for leaf in value.leaves().values():
                return leaf.device.type
    return None
