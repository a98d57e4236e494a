"""What moves: vehicles in four lanes and pedestrians on the walkways.

All vehicles of a lane share one speed profile, and so do all walkers of a track: nothing touches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .factory import ActorFactory
from .motion import FollowLane, SpeedProfile
from .road import LANE_CENTERS, LANE_WIDTH, WALKWAY, Road

LANE_MIX = {
    ("car", "driven"): 0.32, ("truck", "driven"): 0.13, ("bus", "driven"): 0.14,
    ("trailer", "driven"): 0.13, ("motorcycle", "ridden"): 0.12, ("bicycle", "ridden"): 0.12,
    ("construction_vehicle", "driven"): 0.04,
}  # fmt: skip
LOW_MIX = {  # beside the ego vehicle: nothing that walls in its cameras for seconds
    ("car", "driven"): 0.44, ("motorcycle", "ridden"): 0.26, ("bicycle", "ridden"): 0.30,
}  # fmt: skip
HEADWAY = 15.0  # mean free metres between vehicles of a lane
LEAST_HEADWAY = 3.0
HITCH = 0.5  # metres between a trailer and the truck that pulls it
EGO_ROOM = (9.0, 10.0)  # free metres behind and ahead of the ego vehicle's origin
WALKERS_PER_100M = 1.6  # on each of the two tracks of each walkway


@dataclass(frozen=True)
class Lane:
    """One lane and its traffic.

    Attributes:
        profile: speed of all its vehicles.
        offset: metres left of the centre line.
        direction: +1 with the stations, -1 against them.
        span: first and last station filled at time 0.
        free: stations kept free for the ego vehicle.
        mix: share of each (class, posture).
    """

    profile: SpeedProfile
    offset: float
    direction: int
    span: tuple[float, float]
    free: tuple[float, float] | None
    mix: dict[tuple[str, str], float]


def place_traffic(
    road: Road, duration: float, ego_station: float, factory: ActorFactory
) -> FollowLane:
    """Fill four lanes; return the motion of the ego vehicle, which drives in a right one."""
    rng = factory.rng
    ego_lane = -LANE_CENTERS[rng.integers(2)]
    ego_profile = _draw_profile(duration, rng, ego=True)
    for side in (-1, 1):
        for center in LANE_CENTERS:
            offset, own = side * center, side * center == ego_lane
            profile = ego_profile if own else _draw_profile(duration, rng, ego=False)
            reach = profile.distance(duration)
            span = (-reach, road.length) if side < 0 else (0.0, road.length + reach)
            free = (ego_station - EGO_ROOM[0], ego_station + EGO_ROOM[1]) if own else None
            beside = abs(abs(offset - ego_lane) - LANE_WIDTH) < 0.1
            mix = LOW_MIX if beside else LANE_MIX
            _fill_lane(road, Lane(profile, offset, -side, span, free, mix), factory)
    return FollowLane(road, ego_profile, ego_station, ego_lane, 1)


def _draw_profile(duration: float, rng: np.random.Generator, ego: bool) -> SpeedProfile:
    """Cruising, often with a stop; the ego vehicle is never slow and never stops for long."""
    cruise = float(rng.uniform(6.5, 9.5) if ego else rng.uniform(3.0, 11.0))
    if rng.uniform() > (0.35 if ego else 0.45):
        return SpeedProfile.drive(cruise, duration)
    start = float(rng.uniform(0.1, 0.7) * duration)
    pause = float(rng.uniform(2.0, 3.5) if ego else rng.uniform(4.0, 9.0))
    return SpeedProfile.drive(cruise, duration, (start, start + pause))


def _fill_lane(road: Road, lane: Lane, factory: ActorFactory) -> None:
    """Convoys from one end of the span to the other; most have one vehicle."""
    rng = factory.rng
    kinds, weights = list(lane.mix), np.array(list(lane.mix.values()))
    station = lane.span[0] + rng.uniform(0, HEADWAY)
    while station < lane.span[1]:
        convoy = [kinds[rng.choice(len(kinds), p=weights / weights.sum())]]
        if convoy[0][0] == "trailer":
            convoy = [*convoy, ("truck", "driven")][:: lane.direction]
        sizes = [factory.draw(*kind) for kind in convoy]
        end = station + sum(size[0] for size in sizes) + HITCH * (len(convoy) - 1)
        aside = float(rng.normal(0, 0.12))
        if lane.free is None or end < lane.free[0] or station > lane.free[1]:
            low = station
            for kind, size in zip(convoy, sizes, strict=True):
                middle = low + size[0] / 2
                motion = FollowLane(road, lane.profile, middle, lane.offset + aside, lane.direction)
                factory.add(*kind, size, motion)
                low += size[0] + HITCH
        station = end + LEAST_HEADWAY + rng.exponential(HEADWAY - LEAST_HEADWAY)


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
