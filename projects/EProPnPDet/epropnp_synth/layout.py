"""What stands beside the road, placed without overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .factory import ActorFactory
from .footprints import footprint_corners, footprints_overlap
from .motion import Still
from .road import FURNITURE, PARKING, YARD, Road

ALONG, ANY = "along", "any"
ATTEMPTS = 12  # random places tried for each object
NEAR = 16.0  # metres; footprints with farther centres cannot overlap


@dataclass(frozen=True)
class Zone:
    """A strip beside the road and what stands there.

    Attributes:
        band: nearest and farthest distance from the centre line.
        yaw: ALONG the road, or ANY.
        density: objects of each (class, posture) per 100 m and side.
        gap: metres kept free around each object.
    """

    band: tuple[float, float]
    yaw: str
    density: dict[tuple[str, str], float]
    gap: float = 0.3


ZONES = (
    Zone(YARD, ANY, {
        ("trailer", "left"): 1.3, ("bus", "left"): 1.0, ("truck", "left"): 1.1,
        ("construction_vehicle", "left"): 1.8, ("car", "left"): 0.8,
        ("motorcycle", "left"): 0.3, ("bicycle", "left"): 0.3, ("barrier", ""): 0.5,
        ("traffic_cone", ""): 0.3, ("pedestrian", "standing"): 0.3,
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


class OccupiedGround:
    """Footprints of what already stands somewhere."""

    def __init__(self):
        self._taken: list[tuple[float, float, NDArray]] = []

    def claim(self, x: float, y: float, corners: NDArray) -> bool:
        """Take a footprint (4, 2) centred at (x, y) if it is free; say whether it was."""
        near = (c for u, v, c in self._taken if abs(u - x) < NEAR and abs(v - y) < NEAR)
        if any(footprints_overlap(corners, other) for other in near):
            return False
        self._taken.append((x, y, corners))
        return True


def place_static(road: Road, factory: ActorFactory) -> None:
    """Fill the zones on both sides of the road, the largest objects of a zone first."""
    ground = OccupiedGround()
    hundreds = factory.scenery.crowding * road.length / 100
    for zone in ZONES:
        for (class_name, posture), density in zone.density.items():
            for side in (-1, 1):
                for _ in range(factory.rng.poisson(density * hundreds)):
                    size = factory.draw(class_name, posture)
                    place = _find_place(road, zone, side, size, ground, factory.rng)
                    if place is not None:
                        factory.add(class_name, posture, size, place)


def _find_place(
    road: Road,
    zone: Zone,
    side: int,
    size: tuple[float, float, float],
    ground: OccupiedGround,
    rng: np.random.Generator,
) -> Still | None:
    """Try some random places within the zone; None when all overlap something."""
    for _ in range(ATTEMPTS):
        station, offset = rng.uniform(0, road.length), side * rng.uniform(*zone.band)
        x, y, heading = road.locate(station, offset)
        yaw = heading + _draw_turn(zone.yaw, side, rng)
        grown = np.asarray(size[:2]) + 2 * zone.gap
        corners = footprint_corners(x, y, yaw, *grown)
        across = np.abs(road.coordinates(corners)[1])
        within = across.min() >= zone.band[0] - 0.5 and across.max() <= zone.band[1] + 0.8
        if within and ground.claim(x, y, corners):
            return Still(x, y, float(yaw))
    return None


def _draw_turn(mode: str, side: int, rng: np.random.Generator) -> float:
    """Yaw relative to the road; vehicles along it face the way their side's traffic goes."""
    if mode == ANY:
        return float(rng.uniform(-np.pi, np.pi))
    return float((0.0 if side < 0 else np.pi) + rng.normal(0, 0.04))
