"""Calls of the layer on a GPU, captured as CUDA graphs and replayed.

A call consists of more than a thousand small kernels, and starting them takes the host several
times longer than they run. A graph starts all of them at once.
"""

import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass

import torch
from torch import Tensor

from epropnp.arguments import check_count
from epropnp.calls import Call, Result, directly
from epropnp.captured_calls import LearntCall, SeededCall, call_tensors, second_axis
from epropnp.initializers import Starts

DEVICES = ("cuda",)


class CUDAGraphs:
    """A `Runner` that captures a call when its sizes are met first, and replays it from then on.

    The number of objects is filled up with objects without weight, so that a few graphs serve all
    numbers. What cannot be captured is run directly: tensors that are not on a GPU, a generator of
    one's own unless it is of that GPU and gradients are off (``torch.no_grad()``), symmetries,
    diagnostics, thresholds that are tensors, and calls that are traced.

    A replay draws other random numbers than a direct call with the same seed, but with a generator
    of one's own the same seed gives the same numbers from the first call of a size on, and the
    generator goes on behind each. A gradient can be taken once, and before the next call of the
    same sizes; otherwise it is refused. Capturing takes as long as about ten direct calls.

    Args:
        multiple: the number of objects is filled up to a multiple of this.
        most: graphs that are kept; the one that was not used for longest goes first.

    Raises:
        TypeError: a number that is not whole.
        ValueError: one that is too small.
    """

    def __init__(self, multiple: int = 32, most: int = 32) -> None:
        check_count("multiple", multiple, 1)
        check_count("most", most, 1)
        self.multiple, self.most = multiple, most
        self._graphs: OrderedDict[Hashable, LearntCall | SeededCall] = OrderedDict()

    def __call__(self, function: Callable[[Call], Result], call: Call) -> Result:
        """See `Runner`."""
        if not _fits(call):
            return directly(function, call)
        num = call.x3d.shape[0]
        total = max(1, -(-num // self.multiple)) * self.multiple
        tensors = {
            name: _filled(tensor, _axis(name, tensor, call), num, total)
            for name, tensor in call_tensors(call).items()
        }
        key = _key(function, call, tensors)
        if key not in self._graphs:
            kind = LearntCall if call.generator is None else SeededCall
            with _undisturbed(call.x3d):
                self._graphs[key] = kind(function, call, tensors)
        self._graphs.move_to_end(key)
        graph = self._graphs[key]
        while len(self._graphs) > self.most:
            self._graphs.popitem(last=False)
        return graph(call, tensors)

    def __reduce__(self) -> tuple:
        """A graph belongs to the memory it was captured with: a copy captures its own."""
        return CUDAGraphs, (self.multiple, self.most)


@contextmanager
def _undisturbed(tensor: Tensor) -> Iterator[None]:
    """Where calls are captured: on the device of a tensor, outside of inference mode, no garbage.

    Memory that is made in inference mode cannot be written to outside of it. A graph that is
    collected during the capture of another ends that one.
    """
    learning, collecting = torch.is_grad_enabled(), gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        # leaving inference mode turns gradients on
        with (
            torch.cuda.device_of(tensor),
            torch.inference_mode(False),
            torch.set_grad_enabled(learning),
        ):
            yield
    finally:
        if collecting:
            gc.enable()


def _fits(call: Call) -> bool:
    """Whether a call can be captured; arguments of the wrong kind are for the layer to refuse."""
    if call.symmetry is not None or call.options.with_diagnostics:
        return False
    if torch.compiler.is_compiling() or not isinstance(call.starts, Starts | None):
        return False
    if not (is_dataclass(call.camera) and is_dataclass(call.cost_fun)):
        return False
    if any(map(torch.is_tensor, vars(call.cost_fun).values())):
        return False
    tensors = [*call[:3], *call_tensors(call).values()]
    if not all(torch.is_tensor(t) and t.device.type in DEVICES and t.dim() > 1 for t in tensors):
        return False
    if call.generator is None:
        return True
    return not torch.is_grad_enabled() and _draws_on(call.generator, call.x3d.device)


def _draws_on(generator: torch.Generator, device: torch.device) -> bool:
    """Whether a generator belongs to a device; one made for "cuda" belongs to each."""
    if not isinstance(generator, torch.Generator):
        return False
    own = generator.device
    return own.type == device.type and own.index in (None, device.index)


def _axis(name: str, tensor: Tensor, call: Call) -> int | None:
    """Where the objects are; None if all objects share the tensor."""
    leaf = name.removeprefix("camera.")
    if leaf != name:
        own = getattr(call.camera, "leaf_axes", {}).get(leaf, 0)
        return None if tensor.dim() <= own else 0
    return second_axis(name)


def _filled(tensor: Tensor, axis: int | None, num: int, total: int) -> Tensor:
    """A tensor with zeros for further objects; one that all objects share stays as it is."""
    if axis is None or tensor.shape[axis] != num or num == total:
        return tensor
    shape = [*tensor.shape]
    shape[axis] = total - num
    return torch.cat((tensor, tensor.new_zeros(shape)), dim=axis)


def _key(function: Callable, call: Call, tensors: dict[str, Tensor]) -> Hashable:
    """All that decides which kernels run."""
    settings = [
        (field.name, getattr(call.camera, field.name))
        for field in fields(call.camera)
        if not torch.is_tensor(getattr(call.camera, field.name))
    ]
    kinds = [(n, t.shape, t.dtype, t.device, t.requires_grad) for n, t in tensors.items()]
    cost = (type(call.cost_fun), tuple(sorted(vars(call.cost_fun).items())))
    return (
        function,
        type(call.camera),
        *settings,
        *kinds,
        cost,
        call.options,
        call.generator is None,
        torch.is_grad_enabled(),
    )
