"""Where things stand: upright on a table, or floating."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..bop.poses import ViewRange, random_pose
from .settings import CameraSettings, ViewSettings

ATTEMPTS = 30
TOUCH = 0.75  # of the sum of two radii: nearer ones are drawn again
TABLE_SPREAD = 0.55  # things stand within this part of what the camera sees
CROPPED = -0.05  # centres of floating objects leave the image by this share of its sides


class Thing(NamedTuple):
    """Extent of something to be placed; metres, object frame, scale included.

    Attributes:
        bottom: least z.
        radius: of a sphere about the middle of its box.
        center: (3,) middle of the box.
    """

    bottom: float
    radius: float
    center: NDArray


class Placement(NamedTuple):
    """Poses (4, 4) of things in the camera, and of the table (world to camera) if there is one."""

    poses: list[NDArray]
    table: NDArray | None


def place(
    rng: np.random.Generator, things: list[Thing], view: ViewSettings, camera: CameraSettings
) -> Placement:
    """Draw poses that do not run into each other much."""
    if rng.random() < view.table:
        return _on_table(rng, things, view, camera)
    poses: list[NDArray] = []
    for index, thing in enumerate(things):
        poses.append(
            _first_free(poses, things, index, lambda t=thing: _float(rng, t, view, camera))
        )
    return Placement(poses, None)


def _first_free(poses: list[NDArray], things: list[Thing], index: int, draw) -> NDArray:
    """Draw until the sphere keeps clear of those before, at most ``ATTEMPTS`` times."""
    for _ in range(ATTEMPTS):
        pose = draw()
        middle = _middle(pose, things[index])
        gaps = [
            np.linalg.norm(middle - _middle(other, thing)) / (things[index].radius + thing.radius)
            for other, thing in zip(poses, things, strict=False)
        ]
        if all(gap > TOUCH for gap in gaps):
            break
    return pose


def _middle(pose: NDArray, thing: Thing) -> NDArray:
    return pose[:3, :3] @ thing.center + pose[:3, 3]


def _float(
    rng: np.random.Generator, thing: Thing, view: ViewSettings, camera: CameraSettings
) -> NDArray:
    spread = ViewRange(
        distance=(max(view.distance[0], 2 * thing.radius), view.distance[1]),
        elevation=tuple(np.radians(view.elevation_deg)),
        azimuth=np.pi,
        roll=np.radians(view.roll_deg),
        margin=CROPPED,
    )
    return random_pose(rng, spread, camera.cam_mat, (camera.width, camera.height))


def _on_table(
    rng: np.random.Generator, things: list[Thing], view: ViewSettings, camera: CameraSettings
) -> Placement:
    spread = ViewRange(
        distance=view.distance,
        elevation=tuple(np.radians(view.elevation_deg)),
        azimuth=np.pi,
        roll=np.radians(view.roll_deg),
        margin=0.4,
    )
    size = (camera.width, camera.height)
    world_to_cam = random_pose(rng, spread, camera.cam_mat, size)
    reach = TABLE_SPREAD * np.linalg.norm(world_to_cam[:3, 3]) * camera.width / camera.fx

    def stand(thing: Thing) -> NDArray:
        angle, yaw = rng.uniform(0, 2 * np.pi, size=2)
        place = reach * np.sqrt(rng.random()) * np.array([np.cos(angle), np.sin(angle)])
        pose = np.eye(4)
        pose[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
        pose[:2, 3] = place
        pose[2, 3] = -thing.bottom
        return pose

    poses: list[NDArray] = []
    for index, thing in enumerate(things):
        poses.append(_first_free(poses, things, index, lambda t=thing: stand(t)))
    return Placement([world_to_cam @ pose for pose in poses], world_to_cam)
