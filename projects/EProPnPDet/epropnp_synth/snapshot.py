"""A world at one moment, ready for ray casting near the ego vehicle.

All sensors of a keyframe see the objects where they are at the keyframe's time stamp, while the
ego vehicle has its own pose at each camera's exposure. This mirrors nuScenes, where the lidar
beam sweeps past an object just when the camera facing it is triggered, so that annotated boxes
fit the images although the time stamps differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from epropnp_data.geometry.poses import Pose
from epropnp_data.raycast import RayCaster

from .actors import Actor
from .mesh import Mesh, in_one_color
from .shapes import build_shape
from .world import World

ACTOR_RANGE = 75.0  # metres around the ego vehicle within which objects exist
PROP_RANGE = 130.0
GROUND_SIZE = 400.0
GROUND = 0  # geometry index of the ground


@dataclass(frozen=True)
class Placed:
    """An actor near the ego vehicle; ``geometry`` is its index for the ray caster."""

    actor: Actor
    pose: Pose
    geometry: int


@dataclass(frozen=True)
class Snapshot:
    """Frozen world, in a frame with global axes and its origin at ``origin``.

    Attributes:
        world: where it was taken.
        origin: (3,) global position of the frame.
        actors: annotated objects in reach; their poses are in this frame.
        caster: ray caster over all geometries.
        offsets: (G,) index of each geometry's first triangle in the arrays below.
        normals: (T, 3) unit normals, either side.
        colors: (T, 3) linear RGB.
        surface: (T, 3) gloss, glow, texture.
    """

    world: World
    origin: NDArray
    actors: tuple[Placed, ...]
    caster: RayCaster
    offsets: NDArray
    normals: NDArray
    colors: NDArray
    surface: NDArray

    def triangle_index(self, geometry: NDArray, triangle: NDArray) -> NDArray:
        """Row of ``normals`` and its fellows of the triangles hit."""
        return self.offsets[geometry] + triangle

    def to_local(self, pose: Pose) -> Pose:
        """A global pose in the frame of this snapshot."""
        x, y, z = np.asarray(pose.translation) - self.origin
        return Pose(pose.rotation, (float(x), float(y), float(z)))


_cached_shape = lru_cache(maxsize=512)(build_shape)


def actor_mesh(actor: Actor) -> Mesh:
    """Mesh of an actor in its own frame."""
    mesh = _cached_shape(actor.class_name, actor.size_lwh, actor.posture, actor.look)
    return mesh if actor.marked else in_one_color(mesh)


def take_snapshot(world: World, time: float) -> Snapshot:
    """Freeze the world ``time`` seconds after the start of its scene."""
    ego = world.ego_pose_at(time)
    origin = np.asarray(ego.translation)
    actors: list[Placed] = []
    meshes: list[Mesh] = []
    half = GROUND_SIZE / 2
    corners = np.array([[-half, -half, 0], [half, -half, 0], [half, half, 0], [-half, half, 0]])
    soups = [corners[[[0, 1, 2], [0, 2, 3]]]]
    for actor in world.actors:
        pose = actor.pose_at(time)
        local = np.asarray(pose.translation) - origin
        if np.hypot(local[0], local[1]) < ACTOR_RANGE:
            placed = Pose(pose.rotation, tuple(local.tolist()))
            actors.append(Placed(actor, placed, len(soups)))
            meshes.append(actor_mesh(actor))
            soups.append(placed.apply(meshes[-1].triangles))
    for prop in world.props:
        local = np.asarray(prop.pose.translation) - origin
        if np.hypot(local[0], local[1]) - prop.radius < PROP_RANGE:
            meshes.append(prop.mesh)
            soups.append(Pose(prop.pose.rotation, tuple(local.tolist())).apply(prop.mesh.triangles))
    triangles = np.concatenate(soups)
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    bare = np.zeros((2, 3))  # the ground has its own colours
    return Snapshot(
        world=world,
        origin=origin,
        actors=tuple(actors),
        caster=RayCaster(soups),
        offsets=np.cumsum([0] + [len(s) for s in soups[:-1]]),
        normals=normals.astype(np.float32),
        colors=np.concatenate([bare, *(m.colors for m in meshes)]).astype(np.float32),
        surface=np.concatenate([bare, *(m.surface for m in meshes)]).astype(np.float32),
    )
