"""Colours as a smooth random function of a point: texture without any unwrapping."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_WAVES = 4
SOFTNESS = 0.6  # of 1 the colours saturate in large patches, which look the same everywhere


@dataclass(frozen=True)
class ColorField:
    """Sum of sine waves per colour channel.

    Attributes:
        waves: (3, K, 3) wave vectors, radians per metre.
        phases: (3, K) radians.
    """

    waves: NDArray
    phases: NDArray

    def __call__(self, points: NDArray) -> NDArray:
        """Colours (N, 3) in [0, 1] of points (N, 3), metres."""
        angles = np.einsum("ckd,nd->nck", self.waves, points) + self.phases
        return 0.5 + 0.45 * np.tanh(SOFTNESS * np.sin(angles).sum(axis=-1))


def random_color_field(rng: np.random.Generator, wavelength: float) -> ColorField:
    """Field whose colours change over about ``wavelength`` metres."""
    directions = rng.standard_normal((3, NUM_WAVES, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    lengths = wavelength * rng.uniform(0.7, 1.6, size=(3, NUM_WAVES, 1))
    phases = rng.uniform(0, 2 * np.pi, size=(3, NUM_WAVES))
    return ColorField(2 * np.pi * directions / lengths, phases)
