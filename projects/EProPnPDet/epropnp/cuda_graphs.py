"""Calls of the layer on a GPU, captured as CUDA graphs and replayed.

A call consists of more than a thousand small kernels, and starting them takes the host several
times longer than they run. A graph starts all of them at once.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from epropnp.arguments import check_count
from epropnp.calls import Call, Result, directly
from epropnp.initializers import Starts

DEVICES = ("cuda",)
TENSORS = ("x3d", "x2d", "w2d", "pose_init", "mask")  # fields of a `Call`
SECOND_AXIS = ("starts.", "pose_sample")  # what has its objects there starts so; the rest first


class CUDAGraphs:
    """A `Runner` that captures a call when its sizes are met first, and replays it from then on.

    The number of objects is filled up with objects without weight, so that a few graphs serve all
    numbers. What cannot be captured is run directly: tensors that are not on a GPU, a generator of
    one's own, symmetries, diagnostics, thresholds that are tensors, and calls that are traced.

    A replay draws other random numbers than a direct call with the same seed. Its gradient can be
    taken once, and before the next call of the same sizes; otherwise it is refused. Capturing
    takes as long as about ten direct calls.

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
        self._graphs: OrderedDict[Hashable, _Graph] = OrderedDict()

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
            self._graphs[key] = _Graph(function, call, tensors)
        self._graphs.move_to_end(key)
        graph = self._graphs[key]
        while len(self._graphs) > self.most:
            self._graphs.popitem(last=False)
        return graph(tensors, num)

    def __reduce__(self) -> tuple:
        """A graph belongs to the memory it was captured with: a copy captures its own."""
        return CUDAGraphs, (self.multiple, self.most)


class _Leaf(NamedTuple):
    """A tensor of a result: where its objects are, and whether it has a gradient."""

    axis: int
    learnt: bool


class _Graph:
    """One captured call, forwards and backwards."""

    def __init__(
        self, function: Callable[[Call], Any], call: Call, tensors: dict[str, Tensor]
    ) -> None:
        self.calls = 0
        self._leaves: dict[str, _Leaf] = {}
        self._result: Any = None

        def run(*values: Tensor) -> tuple[Tensor, ...]:
            result = function(rebuilt(call, dict(zip(tensors, values, strict=True))))
            self._result, found = result, result_tensors(result)
            self._leaves = {
                name: _Leaf(_second(name), tensor.requires_grad) for name, tensor in found.items()
            }
            return tuple(found.values())

        samples = tuple(
            tensor.detach().clone().requires_grad_(tensor.requires_grad)
            for tensor in tensors.values()
        )
        self._replay = torch.cuda.make_graphed_callables(run, samples, allow_unused_input=True)
        self._result = with_tensors(self._result, dict.fromkeys(self._leaves))  # free its memory

    def __call__(self, tensors: dict[str, Tensor], num: int) -> Any:
        """The result for tensors of the captured sizes, of the first objects."""
        self.calls += 1
        values = [
            _Watched.apply(tensor, self, self.calls) if tensor.requires_grad else tensor
            for tensor in tensors.values()
        ]
        found = {}
        for (name, leaf), value in zip(self._leaves.items(), self._replay(*values), strict=True):
            value = value if leaf.learnt else value.detach()
            found[name] = value.narrow(leaf.axis, 0, num).clone()  # the next replay overwrites it
        return with_tensors(self._result, found)


class _Watched(torch.autograd.Function):
    """Passes a gradient on in memory of its own; refuses one that another replay has spoilt."""

    @staticmethod
    def forward(ctx, tensor, graph, number):
        ctx.graph, ctx.number = graph, number
        return tensor.view_as(tensor)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        if ctx.graph.calls != ctx.number:
            raise RuntimeError(
                "the layer was called again with the same sizes before the gradient of the first "
                "call was taken, and its graph has been overwritten: call backward() in between, "
                "or use a layer without CUDAGraphs"
            )
        return grad.clone(), None, None


def call_tensors(call: Call) -> dict[str, Tensor]:
    """Every tensor of a call, by name."""
    found = {name: getattr(call, name) for name in TENSORS if getattr(call, name) is not None}
    found |= {f"camera.{name}": leaf for name, leaf in call.camera.leaves().items()}
    if call.starts is not None:
        found |= {f"starts.{name}": value for name, value in call.starts._asdict().items()}
    return found


def rebuilt(call: Call, tensors: dict[str, Tensor]) -> Call:
    """The call with other tensors in place of `call_tensors`."""
    own = {name: tensors[name] for name in TENSORS if name in tensors}
    camera = {name[7:]: value for name, value in tensors.items() if name.startswith("camera.")}
    if call.starts is not None:
        own["starts"] = Starts(tensors["starts.pose_init"], tensors["starts.cost"])
    return call._replace(camera=call.camera.with_leaves(camera), **own)


def result_tensors(result: Any, path: str = "") -> dict[str, Tensor]:
    """Every tensor of nested named tuples, by its path."""
    found = {}
    for name, value in result._asdict().items():
        if isinstance(value, Tensor):
            found[path + name] = value
        elif value is not None:
            found |= result_tensors(value, f"{path}{name}.")
    return found


def with_tensors(result: Any, tensors: dict[str, Tensor | None], path: str = "") -> Any:
    """The same tuples with other tensors, or None, at the paths of `result_tensors`."""
    changes = {}
    for name, value in result._asdict().items():
        if path + name in tensors:
            changes[name] = tensors[path + name]
        elif value is not None:
            changes[name] = with_tensors(value, tensors, f"{path}{name}.")
    return result._replace(**changes)


def _fits(call: Call) -> bool:
    """Whether a call can be captured; arguments of the wrong kind are for the layer to refuse."""
    if call.generator is not None or call.symmetry is not None or call.options.with_diagnostics:
        return False
    if torch.compiler.is_compiling() or not isinstance(call.starts, Starts | None):
        return False
    if not (is_dataclass(call.camera) and is_dataclass(call.cost_fun)):
        return False
    if any(map(torch.is_tensor, vars(call.cost_fun).values())):
        return False
    tensors = [*call[:3], *call_tensors(call).values()]
    return all(torch.is_tensor(t) and t.device.type in DEVICES and t.dim() > 1 for t in tensors)


def _axis(name: str, tensor: Tensor, call: Call) -> int | None:
    """Where the objects are; None if all objects share the tensor."""
    leaf = name.removeprefix("camera.")
    if leaf != name:
        own = getattr(call.camera, "leaf_axes", {}).get(leaf, 0)
        return None if tensor.dim() <= own else 0
    return _second(name)


def _second(name: str) -> int:
    return int(name.startswith(SECOND_AXIS))


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
        torch.is_grad_enabled(),
    )
