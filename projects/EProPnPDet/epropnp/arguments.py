"""One argument at a time: what is not of the expected kind is refused by its name.

Only types, shapes and Python numbers are looked at: a look at the numbers of a tensor would make
the host wait for the device.
"""

from typing import Any

import torch
from torch import Tensor


def check_tensor(name: str, value: Any, expected: tuple[int | str, ...]) -> None:
    """Check that a value is a floating-point tensor of a shape, in which words stand for any size.

    Raises:
        TypeError: it is not a tensor of numbers.
        ValueError: its shape differs.
    """
    shape = "(" + ", ".join(map(str, expected)) + ("," if len(expected) == 1 else "") + ")"
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor {shape}, got {type(value).__name__}")
    if value.is_complex():
        raise TypeError(f"{name} must hold real numbers, got {value.dtype}")
    fits = len(value.shape) == len(expected) and all(
        isinstance(want, str) or want == size
        for want, size in zip(expected, value.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name} must be {shape}, got {tuple(value.shape)}")


def check_floating(name: str, value: Any) -> None:
    """Check that a value is a tensor of floating-point numbers, of any shape.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, Tensor) or not value.is_floating_point():
        kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name} must be a tensor of floating-point numbers, got {kind}")


def check_count(name: str, value: Any, least: int = 0) -> None:
    """Check that a value is a whole number, not below ``least``.

    Raises:
        TypeError: it is something else than an int.
        ValueError: it is too small.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, got {_shown(value)}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")


def check_dof(value: Any) -> None:
    """Check that a value is a number of degrees of freedom the package knows.

    Raises:
        TypeError: it is something else than an int.
        ValueError: it is neither 4 nor 6.
    """
    check_count("dof", value)
    if value not in (4, 6):
        raise ValueError(
            f"dof must be 4 (translation, yaw) or 6 (translation, quaternion), got {value}"
        )


def check_number(name: str, value: Any, least: float = -torch.inf) -> None:
    """Check that a value is a number, not NaN and not below ``least``.

    Raises:
        TypeError: it is something else than an int or a float.
        ValueError: it is too small, or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, got {_shown(value)}")
    if not value >= least:
        raise ValueError(f"{name} must be a number not below {least}, got {value}")


def check_flag(name: str, value: Any) -> None:
    """Check that a value is True or False.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {_shown(value)}")


def check_part(name: str, value: Any, *methods: str) -> None:
    """Check that a value, if it is not None, can do what is asked of it.

    Args:
        name: of the argument.
        value: object with ``methods``; an instance, not a class.
        methods: their names.

    Raises:
        TypeError: it lacks one of them.
    """
    if value is None:
        return
    missing = [m for m in methods if not callable(getattr(value, m, None))]
    if isinstance(value, type) or missing:
        wanted = ", ".join(m.replace("__call__", "") + "()" for m in methods)
        raise TypeError(f"{name} must be an object with {wanted}, got {_shown(value)}")


def check_generator(value: Any) -> None:
    """Check that a value is a source of random numbers, or None.

    Raises:
        TypeError: it is something else.
    """
    if value is not None and not isinstance(value, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator or None, got {_shown(value)}")


def _shown(value: Any) -> str:
    """A number or a short text as it is, of other values their type."""
    return repr(value) if isinstance(value, int | float | str) else type(value).__name__
