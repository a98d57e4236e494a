"""Who is measured: a backend on a device."""

from collections.abc import Callable
from typing import NamedTuple

import torch

from epropnp import Backend
from layer.problems import Scene, scene
from layer.timing import Metric, timed


class Contender(NamedTuple):
    """A backend on a device.

    Attributes:
        name: in the tables.
        backend: that computes.
        device: of the tensors.
        captured: training steps are captured as one CUDA graph and replayed.
    """

    name: str
    backend: Backend
    device: torch.device
    captured: bool = False

    def scene(self, dof: int, objects: int, points: int) -> Scene:
        """`problems.scene` on the device."""
        return scene(dof, objects, points).to(self.device)

    def timed(self, label: str, call: Callable[[], object], error: str | None = None) -> Metric:
        """Metric of a call."""
        return timed(f"{label} | {self.name}", call, error, self.device)


def captured(step: Callable[[], object]) -> Callable[[], None]:
    """Replay of a step whose kernels are captured once, as one CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # libraries must be ready before a capture
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay
