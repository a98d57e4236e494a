"""Where objects are placed along a road, without overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .actors import Actor, draw_size
from .geometry import footprint_corners, footprints_overlap
from .motion import FollowLane, SpeedProfile, Still
from .road import FURNITURE, LANE_CENTERS, PARKING, WALKWAY, YARD, Road

ALONG, ACROSS, ANY = "along", "across", "any"


@dataclass(frozen=True)
class Zone:
    """A strip beside the road and what stands there.

    Attributes:
        band: nearest and farthest distance from the centre line.
        yaw: ALONG the road, ACROSS it, or ANY.
        density: objects of each (class, posture) per 100 m and side.
        gap: metres kept free around each object.
    """

    band: tuple[float, float]
    yaw: str
    density: dict[tuple[str, str], float]
    gap: float = 0.3


ZONES = (
    Zone(YARD, ANY, {
        ("trailer", "left"): 1.5, ("bus", "left"): 1.7, ("truck", "left"): 1.9,
        ("construction_vehicle", "left"): 2.4, ("car", "left"): 2.4,
        ("motorcycle", "left"): 0.8, ("bicycle", "left"): 0.8, ("barrier", ""): 1.5,
        ("traffic_cone", ""): 1.0, ("pedestrian", "standing"): 0.8,
    }, gap=0.8),
    Zone(PARKING, ALONG, {
        ("car", "left"): 1.8, ("construction_vehicle", "left"): 0.3, ("truck", "left"): 0.3,
    }, gap=0.6),
    Zone(PARKING, ANY, {
        ("traffic_cone", ""): 3.0, ("barrier", ""): 1.2, ("motorcycle", "left"): 1.1,
        ("bicycle", "left"): 0.9,
    }),
    Zone(FURNITURE, ANY, {
        ("pedestrian", "standing"): 1.6, ("pedestrian", "sitting"): 0.9, ("bicycle", "left"): 1.4,
        ("motorcycle", "left"): 0.8, ("traffic_cone", ""): 1.4, ("barrier", ""): 1.2,
    }),
)  # fmt: skip

LANE_MIX = {
    ("car", "driven"): 0.34, ("truck", "driven"): 0.13, ("bus", "driven"): 0.13,
    ("trailer", "driven"): 0.08, ("motorcycle", "ridden"): 0.14, ("bicycle", "ridden"): 0.14,
    ("construction_vehicle", "driven"): 0.04,
}  # fmt: skip
HEADWAY = 13.0  # mean free metres between vehicles of a lane
WALKERS_PER_100M = 1.6  # on each of the two tracks of each walkway


class ActorFactory:
    """Makes actors with consecutive names, and sizes and looks from one random stream."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.actors: list[Actor] = []

    def draw(self, class_name: str, posture: str) -> tuple[float, float, float]:
        """Size of the next actor."""
        return draw_size(class_name, posture, self.rng)

    def add(self, class_name: str, posture: str, size: tuple[float, float, float], motion) -> None:
        """Append an actor."""
        look = int(self.rng.integers(2**31))
        name = f"{class_name}-{len(self.actors):04d}"
        self.actors.append(Actor(name, class_name, size, posture, look, motion))


def place_static(road: Road, factory: ActorFactory) -> None:
    """Fill the zones on both sides of the road, the largest objects of a zone first."""
    taken: list[tuple[float, float, np.ndarray]] = []
    for zone in ZONES:
        for (class_name, posture), density in zone.density.items():
            for side in (-1, 1):
                for _ in range(factory.rng.poisson(density * road.length / 100)):
                    _place_one(road, factory, zone, class_name, posture, side, taken)


def _place_one(road, factory, zone: Zone, class_name: str, posture: str, side: int, taken) -> None:
    """Try some random places; give up when all overlap something."""
    rng = factory.rng
    size = factory.draw(class_name, posture)
    for _ in range(12):
        station, offset = rng.uniform(0, road.length), side * rng.uniform(*zone.band)
        turn = _draw_turn(zone.yaw, class_name, side, rng)
        x, y, heading = road.locate(station, offset)
        corners = footprint_corners(
            x, y, heading + turn, size[0] + 2 * zone.gap, size[1] + 2 * zone.gap
        )
        across = np.abs(road.coordinates(corners)[1])
        if across.min() < zone.band[0] - 0.5 or across.max() > zone.band[1] + 0.8:
            continue
        near = (c for u, v, c in taken if abs(u - x) < 16 and abs(v - y) < 16)
        if any(footprints_overlap(corners, other) for other in near):
            continue
        taken.append((x, y, corners))
        factory.add(class_name, posture, size, Still(x, y, float(heading + turn)))
        return


def _draw_turn(mode: str, class_name: str, side: int, rng: np.random.Generator) -> float:
    along = 0.0 if side < 0 else np.pi
    if mode == ANY:
        return float(rng.uniform(-np.pi, np.pi))
    if class_name == "barrier" or mode == ACROSS:
        along += np.pi / 2
    return float(along + rng.normal(0, 0.04))


def place_traffic(
    road: Road, duration: float, ego_station: float, factory: ActorFactory
) -> FollowLane:
    """Fill four lanes with moving traffic; return the ego vehicle's own motion.

    Every lane shares one speed profile, so its vehicles never touch. The ego vehicle drives in one
    of the two right lanes, with free room in front and behind.
    """
    rng = factory.rng
    ego_lane = -LANE_CENTERS[rng.integers(2)]
    ego_motion = None
    for side in (-1, 1):
        for center in LANE_CENTERS:
            offset, direction = side * center, -side
            profile = _draw_profile(duration, rng, busy=offset == ego_lane)
            reach = profile.distance(duration)
            free = None
            if offset == ego_lane:
                ego_motion = FollowLane(road, profile, ego_station, offset, direction)
                free = (ego_station - 9.0, ego_station + 10.0)
            first, last = (-reach, road.length) if direction > 0 else (0.0, road.length + reach)
            _fill_lane(road, profile, (offset, direction), (first, last), free, factory)
    assert ego_motion is not None
    return ego_motion


def _draw_profile(duration: float, rng: np.random.Generator, busy: bool) -> SpeedProfile:
    cruise = float(rng.uniform(6.5, 9.5) if busy else rng.uniform(3.0, 11.0))
    stop = None
    if rng.uniform() < (0.35 if busy else 0.45):
        start = float(rng.uniform(0.1, 0.7) * duration)
        stop = (start, start + float(rng.uniform(2.0, 3.5) if busy else rng.uniform(4.0, 9.0)))
    return SpeedProfile.drive(cruise, duration, stop)


def _fill_lane(road, profile, lane: tuple[float, int], span, free, factory: ActorFactory) -> None:
    """Vehicles from one end of ``span`` to the other, except around the ego vehicle."""
    rng = factory.rng
    offset, direction = lane
    kinds, weights = list(LANE_MIX), np.array(list(LANE_MIX.values()))
    station = span[0] + rng.uniform(0, HEADWAY)
    while station < span[1]:
        class_name, posture = kinds[rng.choice(len(kinds), p=weights / weights.sum())]
        size = factory.draw(class_name, posture)
        low, high = station, station + size[0]
        if free is None or high < free[0] or low > free[1]:
            middle, aside = 0.5 * (low + high), float(rng.normal(0, 0.12))
            motion = FollowLane(road, profile, middle, offset + aside, direction)
            factory.add(class_name, posture, size, motion)
        station = high + 3.0 + rng.exponential(HEADWAY - 3.0)


def place_walkers(road: Road, duration: float, factory: ActorFactory) -> None:
    """Pedestrians on the walkways: one track in each direction, each track at one pace."""
    rng = factory.rng
    tracks = (WALKWAY[0] + 0.4, WALKWAY[1] - 0.4)
    for side in (-1, 1):
        for track, direction in zip(tracks, (1, -1), strict=True):
            profile = SpeedProfile.drive(float(rng.uniform(0.9, 1.7)), duration)
            station = rng.exponential(100 / WALKERS_PER_100M)
            while station < road.length:
                size = factory.draw("pedestrian", "walking")
                motion = FollowLane(road, profile, station, side * track, direction)
                factory.add("pedestrian", "walking", size, motion)
                station += 1.2 + rng.exponential(100 / WALKERS_PER_100M)
