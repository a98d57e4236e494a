"""How much of an object the six cameras really see."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from epropnp_data.geometry.poses import Pose
from epropnp_data.raycast import RayCaster

from .actors import Actor
from .rig import Camera
from .snapshot import Placed, Snapshot, actor_mesh

GRID = 16  # rays per side of the object's image box
NEAR = 0.1  # metres; nearer corners have no image


def visible_fractions(
    snapshot: Snapshot, cameras: Sequence[Camera], ego_poses: Sequence[Pose]
) -> NDArray:
    """Share of each actor's pixels that nothing hides, over all cameras, (A,) in [0, 1].

    A pixel belongs to an actor when its ray would hit the actor alone in the world; it is seen
    when the actor is the first thing it hits. Actors outside all images get 0.
    """
    whole = np.zeros(len(snapshot.actors))
    seen = np.zeros(len(snapshot.actors))
    for camera, ego_to_global in zip(cameras, ego_poses, strict=True):
        ego_to_local = snapshot.to_local(ego_to_global)
        mount = camera.calibration.sensor_to_ego
        rotation = ego_to_local.matrix @ mount.matrix
        origin = ego_to_local.apply(np.asarray(mount.translation))
        for i, placed in enumerate(snapshot.actors):
            box = _image_box(placed, camera, rotation, origin)
            if box is None:
                continue
            rays = camera.rays(_grid(box)) @ rotation.T
            own = _hits_alone(placed, origin, rays)
            first = snapshot.caster.first_hit(origin, rays[own]).geometry == placed.geometry
            cell = (box[2] - box[0]) * (box[3] - box[1]) / GRID**2
            whole[i] += cell * own.sum()
            seen[i] += cell * first.sum()
    return np.divide(seen, whole, out=np.zeros_like(seen), where=whole > 0)


def _image_box(
    placed: Placed, camera: Camera, rotation: NDArray, origin: NDArray
) -> tuple[float, float, float, float] | None:
    """Image bounds of the actor's box, clipped to the image; None when it is outside."""
    signs = np.array(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5])).reshape(3, 8).T
    corners = placed.pose.apply(signs * np.asarray(placed.actor.size_lwh))
    points = (corners - origin) @ rotation
    if points[:, 2].max() < NEAR:
        return None
    width, height = camera.size
    if points[:, 2].min() < NEAR:
        return (0.0, 0.0, float(width), float(height))
    pixels = points @ camera.intrinsic.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    low = np.maximum(pixels.min(0), 0)
    high = np.minimum(pixels.max(0), [width, height])
    if (high <= low).any():
        return None
    return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _grid(box: tuple[float, float, float, float]) -> NDArray:
    steps = (np.arange(GRID) + 0.5) / GRID
    u, v = np.meshgrid(box[0] + steps * (box[2] - box[0]), box[1] + steps * (box[3] - box[1]))
    return np.stack([u.ravel(), v.ravel()], 1)


def _hits_alone(placed: Placed, origin: NDArray, rays: NDArray) -> NDArray:
    """Which rays would hit the actor if nothing else existed, (R,) bool."""
    start = placed.pose.apply_inverse(origin)
    return _own_caster(placed.actor).is_blocked(start, rays @ placed.pose.matrix)


@lru_cache(maxsize=512)
def _own_caster(actor: Actor) -> RayCaster:
    """Ray caster over one actor in its own frame."""
    return RayCaster([actor_mesh(actor).triangles])
