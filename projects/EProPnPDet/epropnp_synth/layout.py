"""What stands beside the road, placed without overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .factory import ActorFactory
from .geometry import footprint_corners, footprints_overlap
from .motion import Still
from .road import FURNITURE, PARKING, YARD, Road

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
        ("trailer", "left"): 2.3, ("bus", "left"): 1.7, ("truck", "left"): 1.9,
        ("construction_vehicle", "left"): 2.4, ("car", "left"): 1.5,
        ("motorcycle", "left"): 0.7, ("bicycle", "left"): 0.9, ("barrier", ""): 1.8,
        ("traffic_cone", ""): 1.0, ("pedestrian", "standing"): 0.8,
    }, gap=0.8),
    Zone(PARKING, ALONG, {
        ("car", "left"): 1.3, ("construction_vehicle", "left"): 0.3, ("truck", "left"): 0.3,
    }, gap=0.6),
    Zone(PARKING, ANY, {
        ("traffic_cone", ""): 4.0, ("barrier", ""): 1.8, ("motorcycle", "left"): 1.0,
        ("bicycle", "left"): 0.9,
    }),
    Zone(FURNITURE, ANY, {
        ("pedestrian", "standing"): 1.6, ("pedestrian", "sitting"): 0.9, ("bicycle", "left"): 1.7,
        ("motorcycle", "left"): 0.8, ("traffic_cone", ""): 2.0, ("barrier", ""): 1.5,
    }),
)  # fmt: skip


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
