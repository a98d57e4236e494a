"""Makes actors one by one."""

from __future__ import annotations

import numpy as np

from .actors import Actor, draw_size
from .difficulty import USUAL, Scenery
from .motion import Motion


class ActorFactory:
    """Makes actors with consecutive names, and sizes and looks from one random stream."""

    def __init__(self, rng: np.random.Generator, scenery: Scenery = USUAL):
        self.rng = rng
        self.scenery = scenery
        self.actors: list[Actor] = []

    def draw(self, class_name: str, posture: str) -> tuple[float, float, float]:
        """Size of the next actor."""
        size = draw_size(class_name, posture, self.rng)
        length, width, height = (round(self.scenery.object_scale * side, 3) for side in size)
        return length, width, height

    def add(
        self, class_name: str, posture: str, size: tuple[float, float, float], motion: Motion
    ) -> None:
        """Append an actor."""
        look = int(self.rng.integers(2**31))
        name = f"{class_name}-{len(self.actors):04d}"
        marked = self.scenery.marks
        self.actors.append(Actor(name, class_name, size, posture, look, motion, marked))
