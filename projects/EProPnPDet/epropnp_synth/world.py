"""A whole world: road, objects, backdrop, light, and the drive of the ego vehicle through it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from epropnp_data.geometry.poses import Pose

from .actors import Actor
from .difficulty import USUAL, Scenery
from .factory import ActorFactory
from .layout import place_static
from .light import Light, draw_light
from .mesh import Mesh
from .motion import FollowLane
from .road import BACKDROP_START, FURNITURE, Road
from .shapes.backdrop import building, lamp_post, road_sign, tree
from .traffic import place_traffic, place_walkers

MARGIN = 80.0  # metres of road before the first and after the last ego position
NEAREST = 120.0  # smallest global x and y of a road; keeps map masks small and positive


@dataclass(frozen=True)
class Prop:
    """A mesh of the backdrop and its pose; never annotated."""

    mesh: Mesh
    pose: Pose
    radius: float


@dataclass(frozen=True)
class World:
    """Everything that does not depend on a sensor.

    Attributes:
        road: the road.
        ego: motion of the ego vehicle.
        actors: annotated objects.
        props: backdrop.
        light: sun, sky and weather.
        ground: 0 grass, 1 gravel, 2 concrete beside the road.
        seed: seed of textures.
    """

    road: Road
    ego: FollowLane
    actors: tuple[Actor, ...]
    props: tuple[Prop, ...]
    light: Light
    ground: int
    seed: int

    def ego_pose_at(self, time: float) -> Pose:
        """Ego vehicle in the global frame, ``time`` in seconds since the start of the scene."""
        state = self.ego.at(time)
        return Pose.from_yaw(state.yaw, state.x, state.y)


def build_world(seed: int, index: int, duration: float, scenery: Scenery = USUAL) -> World:
    """World number ``index`` of a data set.

    Args:
        seed: seed of the data set.
        index: which world; worlds of different indices are independent.
        duration: seconds the ego vehicle drives.
        scenery: how hard it is to see.
    """
    rng = np.random.default_rng([seed, index])
    road = _draw_road(2 * MARGIN + 9.5 * duration, rng)
    factory = ActorFactory(rng, scenery)
    place_static(road, factory)
    ego = place_traffic(road, duration, MARGIN, factory)
    place_walkers(road, duration, factory)
    return World(
        road=road,
        ego=ego,
        actors=tuple(factory.actors),
        props=tuple(_backdrop(road, rng)),
        light=draw_light(rng),
        ground=int(rng.integers(3)),
        seed=int(rng.integers(2**31)),
    )


def _draw_road(length: float, rng: np.random.Generator) -> Road:
    """Random direction and bend; moved so that its smallest coordinates are NEAREST."""
    sharpest = min(1 / 160, 0.7 * 2 * np.pi / length)
    curvature = float(rng.choice([-1, 1]) * rng.uniform(1 / 1500, sharpest))
    road = Road(0.0, 0.0, float(rng.uniform(-np.pi, np.pi)), curvature, length)
    middle = [road.locate(station, 0.0)[:2] for station in np.linspace(0, length, 50)]
    x, y = NEAREST - np.min(middle, axis=0)
    return replace(road, x=float(x), y=float(y))


def _backdrop(road: Road, rng: np.random.Generator) -> list[Prop]:
    """Buildings and trees behind the yards, lamp posts and signs at the kerb."""
    props = []
    for side in (-1, 1):
        station = -30.0
        while station < road.length + 30:
            width, depth = rng.uniform(10, 26), rng.uniform(8, 14)
            distance = BACKDROP_START + depth / 2 + rng.uniform(0, 5)
            if rng.uniform() < 0.62:
                mesh = building(width, depth, rng.uniform(5, 17), rng)
                props.append(_prop(road, station + width / 2, side * distance, 0.0, mesh))
            else:
                for _ in range(4):
                    mesh = tree(rng.uniform(5, 11), rng)
                    where = station + rng.uniform(0, width), side * (distance + rng.uniform(-4, 4))
                    props.append(_prop(road, *where, 0.0, mesh))
            station += width + rng.uniform(1, 8)
        for station in np.arange(rng.uniform(0, 20), road.length, 27.0):
            where = station + rng.uniform(-3, 3), side * (FURNITURE[1] + 0.5)
            mesh = lamp_post(rng) if rng.uniform() < 0.5 else tree(rng.uniform(4, 6.5), rng)
            props.append(_prop(road, *where, -side * np.pi / 2, mesh))
        for station in np.arange(rng.uniform(0, 40), road.length, 45.0):
            turn = np.pi if side < 0 else 0.0
            props.append(_prop(road, station, side * 9.65, turn, road_sign(rng)))
    return props


def _prop(road: Road, station: float, offset: float, turn: float, mesh: Mesh) -> Prop:
    x, y, heading = road.locate(station, offset)
    radius = float(np.abs(mesh.bounds[:, :2]).max() * np.sqrt(2))
    return Prop(mesh, Pose.from_yaw(heading + turn, x, y), radius)
