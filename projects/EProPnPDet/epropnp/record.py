"""Frozen dataclasses that know every tensor they hold, by name.

A cost is made of points, a camera, a kernel and a manifold, each of which may hold tensors to
learn. As a `Record` it lists them all without being told: ``cost.leaves()`` gives
``{"points_obj": ..., "camera.cam_mats": ..., "kernel.delta": ...}``, and ``cost.with_leaves(...)``
the same cost with other tensors in their place. What is added to a record is a leaf at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar

import torch
from torch import Tensor
from typing_extensions import Self


class Record:
    """Base of frozen dataclasses whose floating-point tensors have names.

    The name of a tensor is that of its field; inside another record or a tuple it is the path to
    it, with dots: ``camera.cam_mats``, ``terms.1.weights``.

    Attributes:
        leaf_axes: axes of a leaf for a single object, by name, zero if it is not listed: an
            intrinsic matrix has two. Leaves have one more, for the objects, or are shared by all.
    """

    leaf_axes: ClassVar[dict[str, int]] = {}

    def leaves(self) -> dict[str, Tensor]:
        """Every floating-point tensor of the record, by name."""
        return {
            name: tensor
            for field in fields(self)
            for name, tensor in _named(field.name, getattr(self, field.name)).items()
        }

    def with_leaves(self, leaves: Mapping[str, Tensor]) -> Self:
        """The same record with other tensors in place of some or all of `leaves`.

        Raises:
            ValueError: a name that is not that of a field.
        """
        inner: dict[str, dict[str, Tensor]] = {}
        for name, tensor in leaves.items():
            head, _, rest = name.partition(".")
            inner.setdefault(head, {})[rest] = tensor
        known = {field.name for field in fields(self)}
        if not inner.keys() <= known:
            unknown = sorted(inner.keys() - known)
            raise ValueError(f"{type(self).__name__} has no {unknown}; it has {sorted(known)}")
        changes = {head: _replaced(getattr(self, head), rest) for head, rest in inner.items()}
        return replace(self, **changes)


def concatenate(records: Sequence[Record], dim: int = 0) -> Record:
    """One record of several of a kind, with their tensors put end to end along an axis."""
    named = [record.leaves() for record in records]
    return records[0].with_leaves({n: torch.cat([r[n] for r in named], dim) for n in named[0]})


def _named(name: str, value: Any) -> dict[str, Tensor]:
    if isinstance(value, Tensor):
        return {name: value} if value.is_floating_point() else {}
    if isinstance(value, tuple):
        inner = [_named(str(index), part) for index, part in enumerate(value)]
        return {f"{name}.{path}": tensor for part in inner for path, tensor in part.items()}
    if hasattr(value, "leaves"):
        return {f"{name}.{path}": tensor for path, tensor in value.leaves().items()}
    return {}


def _replaced(value: Any, leaves: Mapping[str, Tensor]) -> Any:
    if "" in leaves:
        return leaves[""]
    if isinstance(value, tuple):
        inner: dict[int, dict[str, Tensor]] = {}
        for name, tensor in leaves.items():
            head, _, rest = name.partition(".")
            inner.setdefault(int(head), {})[rest] = tensor
        return tuple(
            _replaced(part, inner[index]) if index in inner else part
            for index, part in enumerate(value)
        )
    return value.with_leaves(leaves)
