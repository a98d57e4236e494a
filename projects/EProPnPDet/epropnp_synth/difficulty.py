"""What makes a data set harder than the usual one."""

from __future__ import annotations

from dataclasses import dataclass

MOST_CROWDED = 5.0


@dataclass(frozen=True)
class Scenery:
    """Of a world.

    Attributes:
        crowding: times as many standing objects as usual; they hide each other.
        object_scale: factor of the sizes of all objects.
        marks: objects wear colours that tell their front from their back. Without them each has one
            colour: cones and barriers lose every trace of a heading, the others keep their shape.
    """

    crowding: float = 1.0
    object_scale: float = 1.0
    marks: bool = True

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        if not 0 <= self.crowding <= MOST_CROWDED:
            raise ValueError(f"crowding must lie in [0, {MOST_CROWDED:g}], got {self.crowding}")
        if not 0.1 <= self.object_scale <= 1.5:
            raise ValueError(f"object scale must lie in [0.1, 1.5], got {self.object_scale}")


@dataclass(frozen=True)
class Optics:
    """Of the cameras.

    Attributes:
        noise: standard deviation of sensor noise, of full scale.
        blur: standard deviation of the blur, pixels.
    """

    noise: float = 0.006
    blur: float = 0.0

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        if not 0 <= self.noise <= 1:
            raise ValueError(f"noise must lie in [0, 1], got {self.noise}")
        if not 0 <= self.blur <= 20:
            raise ValueError(f"blur must lie in [0, 20] pixels, got {self.blur}")


USUAL = Scenery()
SHARP = Optics()
