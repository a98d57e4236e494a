"""One call of the layer with all its arguments, and who carries it out."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from epropnp.camera import PerspectiveCamera
from epropnp.initializers import Starts
from epropnp.problem import CostSetting
from epropnp.solution import SolveOptions
from epropnp.symmetry import Symmetry

Result = TypeVar("Result")


class Call(NamedTuple):
    """Arguments of `EProPnP.forward` and `EProPnP.monte_carlo_forward`, as they were given."""

    x3d: Tensor
    x2d: Tensor
    w2d: Tensor
    camera: PerspectiveCamera
    cost_fun: CostSetting
    pose_init: Tensor | None
    mask: Tensor | None
    options: SolveOptions
    symmetry: Symmetry | None = None
    starts: Starts | None = None
    generator: torch.Generator | None = None


class Runner(Protocol):
    """Carries out the calls of a layer; `CUDAGraphs` is one."""

    def __call__(self, function: Callable[[Call], Result], call: Call) -> Result:
        """What the function gives for the call."""
        ...


def directly(function: Callable[[Call], Result], call: Call) -> Result:
    """A `Runner` that does nothing else."""
    return function(call)
