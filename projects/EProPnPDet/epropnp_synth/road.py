"""A road of constant curvature: the coordinates along and across it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Distances from the centre line, the same on both sides (metres).
LANE_CENTERS = (1.75, 5.25)
LANE_WIDTH = 3.5
ASPHALT_EDGE = 7.0
PARKING = (7.2, 9.4)
WALKWAY = (9.9, 11.5)
FURNITURE = (11.6, 13.6)
YARD = (15.2, 25.0)
BACKDROP_START = 28.0


@dataclass(frozen=True)
class Road:
    """Circular arc; traffic keeps to the right.

    Attributes:
        x, y: global position of station 0.
        heading: direction at station 0, radians.
        curvature: 1 / radius, positive to the left, never zero.
        length: stations run from 0 to ``length``; less than a full circle.
    """

    x: float
    y: float
    heading: float
    curvature: float
    length: float

    @property
    def _center(self) -> NDArray:
        normal = np.array([-np.sin(self.heading), np.cos(self.heading)])
        return np.array([self.x, self.y]) + normal / self.curvature

    def locate(self, station: float, offset: float) -> tuple[float, float, float]:
        """Global (x, y) and heading at a station, ``offset`` metres left of the centre line."""
        heading = self.heading + self.curvature * station
        radius = 1 / self.curvature - offset
        x, y = self._center - radius * np.array([-np.sin(heading), np.cos(heading)])
        return float(x), float(y), float(heading)

    def coordinates(self, points: NDArray) -> tuple[NDArray, NDArray]:
        """Station and offset of global points (R, 2), the inverse of :meth:`locate`."""
        outward = self._center - points
        sign = np.sign(self.curvature)
        radius = np.hypot(outward[:, 0], outward[:, 1])
        heading = np.arctan2(-sign * outward[:, 0], sign * outward[:, 1])
        middle = self.heading + self.curvature * self.length / 2
        turn = np.angle(np.exp(1j * (heading - middle)))
        return turn / self.curvature + self.length / 2, (1 / abs(self.curvature) - radius) * sign
