"""One entry per object, and nothing that is not finite beyond this point, in either direction.

Everything a cost depends on passes here, shared tensors after they are spread over the objects: so
an object with a bad number, or a gradient that overflows, spoils neither another object nor a
tensor that all of them share.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from epropnp.record import Record

MAY_BE_INFINITE = ("camera.lower", "camera.upper", "kernel.")  # no bound, no threshold


def per_object(owner: str, record: Record, like: Tensor) -> dict[str, Tensor]:
    """Leaves of a record, each (B, ...), of the type of ``like`` (B, ...).

    Args:
        owner: put before the names: ``camera`` makes ``camera.cam_mats``.
        record: such as a bound camera.
        like: decides number of objects, dtype and device.

    Raises:
        ValueError: a leaf has another number of objects.
    """
    num, leaves = like.shape[0], {}
    for name, leaf in record.leaves().items():
        axes = getattr(record, "leaf_axes", {}).get(name, 0)
        each = leaf.dim() > axes  # otherwise all objects share it
        shape = leaf.shape[1:] if each else leaf.shape
        if each and leaf.shape[0] not in (1, num):
            hint = " (bounds come from img_shape, or from lb and ub)"
            hint = hint if name in ("lower", "upper") else ""
            raise ValueError(f"{owner}.{name} has {len(leaf)} entries for {num} objects{hint}")
        leaves[f"{owner}.{name}"] = leaf.to(like).expand(num, *shape)
    return leaves


def sound_objects(leaves: Mapping[str, Tensor]) -> Tensor:
    """Mask (B,) of the objects whose leaves (B, ...) are finite; bounds only have to be numbers."""
    masks = [
        finite_objects(torch.where(leaf.isinf(), 0.0, leaf))
        if name.startswith(MAY_BE_INFINITE)
        else finite_objects(leaf)
        for name, leaf in leaves.items()
    ]
    return torch.stack(masks).all(0)


def gate(leaves: Mapping[str, Tensor], usable: Tensor) -> dict[str, Tensor]:
    """Leaves (B, ...) through `FiniteGate`; a square matrix that is not usable is the identity.

    A leaf that needs no gradient stays one: all outputs of a function need one if any input does,
    and every gradient that nobody asked for costs a pass over the samples.
    """
    learnt = {name: leaf for name, leaf in leaves.items() if leaf.requires_grad}
    gated = {name: leaf if name in learnt else _keep(usable, leaf) for name, leaf in leaves.items()}
    if learnt:
        gated |= zip(learnt, FiniteGate.apply(usable, *learnt.values()), strict=True)
    for name, leaf in gated.items():
        if leaf.dim() > 2 and leaf.shape[-1] == leaf.shape[-2]:
            identity = torch.eye(leaf.shape[-1], dtype=leaf.dtype, device=leaf.device)
            gated[name] = torch.where(usable[:, None, None], leaf, identity)
    return gated


class FiniteGate(torch.autograd.Function):
    """Keeps what is not finite from travelling, forwards and backwards, object by object."""

    generate_vmap_rule = True

    @staticmethod
    def forward(finite, *tensors):
        """Pass tensors (B, ...) on, with zeros for objects outside the mask (B,)."""
        return tuple(_keep(finite, tensor) for tensor in tensors)

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Keep the mask."""
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx, *grads):
        """Pass gradients on, with zeros for objects that have one which is not finite."""
        (finite,) = ctx.saved_tensors
        finite = torch.stack([finite, *(finite_objects(g) for g in grads if g is not None)]).all(0)
        return None, *(None if g is None else _keep(finite, g) for g in grads)


def _keep(mask: Tensor, tensor: Tensor) -> Tensor:
    """Objects of (B, ...) in the mask (B,), zeros for the others."""
    return torch.where(mask.view(-1, *[1] * (tensor.dim() - 1)), tensor, 0.0)


def finite_objects(tensor: Tensor) -> Tensor:
    """Mask (B,) of the objects of (B, ...) whose numbers are all finite."""
    if tensor.dim() == 1:
        return tensor.isfinite()
    # nothing is zero times itself but what is finite; in half the time of `isfinite` and `all`
    return (0.0 * tensor).flatten(1).sum(1) == 0.0
