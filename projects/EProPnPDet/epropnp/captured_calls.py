"""Calls of the layer that are captured as CUDA graphs: one with its gradient, one without.

A graph reads and writes fixed memory: tensors are copied into it, and what it gives is copied out
before the next replay overwrites it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from epropnp.calls import Call
from epropnp.initializers import Starts

TENSORS = ("x3d", "x2d", "w2d", "pose_init", "mask")  # fields of a `Call`
SECOND_AXIS = ("starts.", "pose_sample")  # what has its objects there starts so; the rest first
WARM_UP = 3  # direct calls before a capture: kernels are compiled, libraries loaded


class LearntCall:
    """One captured call, forwards and backwards; it draws from torch's default generator.

    Args:
        function: of the layer, gives nested named tuples.
        call: one that has its sizes and settings.
        tensors: those of the call, filled up.
    """

    def __init__(
        self, function: Callable[[Call], Any], call: Call, tensors: dict[str, Tensor]
    ) -> None:
        self.calls = 0
        self._outline = _Outline()

        def run(*values: Tensor) -> tuple[Tensor, ...]:
            return self._outline.drawn(
                function(rebuilt(call, dict(zip(tensors, values, strict=True))))
            )

        samples = tuple(
            tensor.detach().clone().requires_grad_(tensor.requires_grad)
            for tensor in tensors.values()
        )
        self._replay = torch.cuda.make_graphed_callables(run, samples, allow_unused_input=True)

    def __call__(self, call: Call, tensors: dict[str, Tensor]) -> Any:
        """The result for tensors of the captured sizes, of the call's own objects."""
        self.calls += 1
        values = [
            _Watched.apply(tensor, self, self.calls) if tensor.requires_grad else tensor
            for tensor in tensors.values()
        ]
        return self._outline.filled(self._replay(*values), call.x3d.shape[0])


class SeededCall:
    """One captured call without a gradient; it draws from the generator of each call.

    The graph has a generator of its own, and its state is that of the call's before a replay and
    is given back after it. Both are on the host, which waits for nothing.

    Args:
        function: of the layer, gives nested named tuples.
        call: one that has its sizes and settings.
        tensors: those of the call, filled up.
    """

    def __init__(
        self, function: Callable[[Call], Any], call: Call, tensors: dict[str, Tensor]
    ) -> None:
        self._outline = _Outline()
        self._graph = torch.cuda.CUDAGraph()
        self._generator = torch.Generator(call.x3d.device)
        self._inputs = {name: tensor.detach().clone() for name, tensor in tensors.items()}
        call = rebuilt(call, self._inputs)._replace(generator=self._generator)
        torch.cuda.synchronize()
        with torch.cuda.stream(torch.cuda.Stream()):
            for _ in range(WARM_UP):
                function(call)
        torch.cuda.synchronize()
        self._graph.register_generator_state(self._generator)
        with torch.cuda.graph(self._graph):
            self._outputs = self._outline.drawn(function(call))

    def __call__(self, call: Call, tensors: dict[str, Tensor]) -> Any:
        """The result for tensors of the captured sizes, of the call's own objects."""
        for name, kept in self._inputs.items():
            kept.copy_(tensors[name])
        self._generator.set_state(call.generator.get_state())
        self._graph.replay()
        call.generator.set_state(self._generator.get_state())
        return self._outline.filled(self._outputs, call.x3d.shape[0])


class _Leaf(NamedTuple):
    """A tensor of a result: where its objects are, and whether it has a gradient."""

    axis: int
    learnt: bool


class _Outline:
    """What a call gives, without the memory of its tensors."""

    def __init__(self) -> None:
        self._leaves: dict[str, _Leaf] = {}
        self._result: Any = None

    def drawn(self, result: Any) -> tuple[Tensor, ...]:
        """Keep the outline of a result; its tensors."""
        found = result_tensors(result)
        self._leaves = {
            name: _Leaf(second_axis(name), tensor.requires_grad) for name, tensor in found.items()
        }
        self._result = with_tensors(result, dict.fromkeys(found))
        return tuple(found.values())

    def filled(self, values: tuple[Tensor, ...], num: int) -> Any:
        """The result that has these tensors, of the first objects and in memory of its own."""
        found = {}
        for (name, leaf), value in zip(self._leaves.items(), values, strict=True):
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


def second_axis(name: str) -> int:
    """Where the objects of a tensor of a call or of its result are: 0, or 1 behind the samples."""
    return int(name.startswith(SECOND_AXIS))
