"""How things move: standing still, or following a lane with a speed profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .road import Road


class MotionState(NamedTuple):
    """Position and heading on the ground, and the speed along the heading (m/s)."""

    x: float
    y: float
    yaw: float
    speed: float


class Motion(Protocol):
    """State at any time of the scene, in seconds."""

    def at(self, time: float) -> MotionState:
        """State at ``time``."""
        ...


@dataclass(frozen=True)
class Still:
    """Never moves."""

    x: float
    y: float
    yaw: float

    def at(self, time: float) -> MotionState:
        """The one state there is."""
        return MotionState(self.x, self.y, self.yaw, 0.0)


@dataclass(frozen=True, eq=False)
class SpeedProfile:
    """Distance travelled as a table over time, linear in between and beyond.

    Attributes:
        times: (n,) seconds, evenly spaced.
        distances: (n,) metres, zero at time 0.
        speeds: (n,) m/s.
    """

    times: NDArray
    distances: NDArray
    speeds: NDArray

    @classmethod
    def drive(
        cls, cruise: float, duration: float, stop: tuple[float, float] | None = None
    ) -> SpeedProfile:
        """Cruise at a speed (m/s), with an optional stop from one time to another.

        Braking takes two seconds before the stop, and so does the start after it.
        """
        times = np.arange(-2.0, duration + 2.0, 0.02)
        factor = np.ones_like(times)
        if stop is not None:
            ramp = np.maximum(stop[0] - times, times - stop[1]) / 2.0
            factor = np.clip(ramp, 0, 1)
            factor = factor * factor * (3 - 2 * factor)
        speeds = cruise * factor
        steps = 0.5 * (speeds[1:] + speeds[:-1]) * np.diff(times)
        distances = np.concatenate([[0.0], np.cumsum(steps)])
        return cls(times, distances - np.interp(0.0, times, distances), speeds)

    def distance(self, time: float) -> float:
        """Metres travelled since time 0."""
        return float(np.interp(time, self.times, self.distances))

    def speed(self, time: float) -> float:
        """Speed in m/s."""
        return float(np.interp(time, self.times, self.speeds))


@dataclass(frozen=True)
class FollowLane:
    """Moves along the road at a constant offset.

    Attributes:
        road: the road.
        profile: speed profile, shared by the traffic of a lane so that nobody collides.
        station: station at time 0.
        offset: metres left of the centre line.
        direction: +1 with the stations, -1 against them.
    """

    road: Road
    profile: SpeedProfile
    station: float
    offset: float
    direction: int

    def station_at(self, time: float) -> float:
        """Station at ``time``."""
        return self.station + self.direction * self.profile.distance(time)

    def at(self, time: float) -> MotionState:
        """State at ``time``; the speed is that of the object, not of the centre line."""
        x, y, heading = self.road.locate(self.station_at(time), self.offset)
        stretch = 1 - self.offset * self.road.curvature
        yaw = heading if self.direction > 0 else heading + np.pi
        return MotionState(x, y, float(yaw), stretch * self.profile.speed(time))
