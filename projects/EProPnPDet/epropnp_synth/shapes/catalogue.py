"""From a class and a state to a mesh that fills its box."""

from __future__ import annotations

import numpy as np

from ..mesh import Mesh, fit_to_box
from .cycles import bicycle, motorcycle
from .machines import excavator, loader
from .people import sitter, walker
from .street import barrier, traffic_cone
from .vehicles import bus, car, trailer, truck

_PLAIN_SHAPES = {
    "car": car,
    "truck": truck,
    "bus": bus,
    "trailer": trailer,
    "traffic_cone": traffic_cone,
    "barrier": barrier,
}
_CYCLES = {"bicycle": bicycle, "motorcycle": motorcycle}


def build_shape(
    class_name: str, size_lwh: tuple[float, float, float], posture: str, seed: int
) -> Mesh:
    """Mesh of an object in its own frame, origin at the centre of its box.

    Args:
        class_name: one of the ten detection classes.
        size_lwh: (l, w, h) in metres; the mesh ends one centimetre inside every face.
        posture: ``ridden`` or not for cycles; ``walking``, ``standing`` or ``sitting`` for
            pedestrians; ignored by the others.
        seed: everything else about the look.

    Raises:
        KeyError: the class is not known.
    """
    rng = np.random.default_rng(seed)
    if class_name in _CYCLES:
        mesh = _CYCLES[class_name](size_lwh, rng, posture == "ridden")
    elif class_name == "pedestrian":
        mesh = (
            sitter(size_lwh, rng)
            if posture == "sitting"
            else walker(size_lwh, rng, posture == "walking")
        )
    elif class_name == "construction_vehicle":
        mesh = excavator(size_lwh, rng) if rng.uniform() < 0.55 else loader(size_lwh, rng)
    else:
        mesh = _PLAIN_SHAPES[class_name](size_lwh, rng)
    return fit_to_box(mesh, size_lwh)
