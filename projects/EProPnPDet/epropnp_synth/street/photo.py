"""One image of a world, and the objects in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epropnp_data.geometry.boxes import OBJECT_TO_NUSCENES, box_corners
from epropnp_data.geometry.camera import clip_edges, project_points
from epropnp_data.geometry.poses import Pose, quaternion_from_matrix
from epropnp_data.images.cameras import ground_rotation
from epropnp_data.nuscenes.records import SensorCalibration

from ..actors import Actor
from ..render import render_image
from ..rig import Camera
from ..snapshot import take_snapshot
from ..visibility import visible_fractions
from ..world import World

CAM_AXES_IN_EGO = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # a camera looking along +x
RANGE = 65.0  # metres within which objects are annotated
MIN_SIDE = 3.0  # pixels; smaller objects are not annotated
STEP = 0.05  # seconds, for velocities


class SeenObject(NamedTuple):
    """An object in an image.

    Attributes:
        actor: what it is.
        attribute: nuScenes attribute, or None.
        center_cam: (3,) metres.
        rotation: (3, 3) object (x forward, y down, z width) to camera.
        velocity_cam: (3,) m/s.
        bbox: (4,) x1, y1, x2, y2 of its box in the image, pixels.
        truncation: share of its projected box outside the image.
        visibility: share that nothing hides.
    """

    actor: Actor
    attribute: str | None
    center_cam: NDArray
    rotation: NDArray
    velocity_cam: NDArray
    bbox: NDArray
    truncation: float
    visibility: float

    @property
    def size_lhw(self) -> NDArray:
        """(3,) length, height, width."""
        return np.asarray(self.actor.size_lwh)[[0, 2, 1]]


class Photo(NamedTuple):
    """An image: (h, w, 3) uint8 RGB, and its objects, the nearest first."""

    image: NDArray
    objects: list[SeenObject]


def make_camera(
    name: str, size: tuple[int, int], focal: float, pitch: float, height: float
) -> Camera:
    """A camera in the front of the vehicle.

    Args:
        name: of the camera.
        size: width and height in pixels.
        focal: pixels.
        pitch: degrees it looks down.
        height: metres above the ground.
    """
    rotation = CAM_AXES_IN_EGO @ ground_rotation(pitch)
    width, rows = size
    intrinsic = ((focal, 0.0, 0.5 * width), (0.0, focal, 0.48 * rows), (0.0, 0.0, 1.0))
    pose = Pose(quaternion_from_matrix(rotation), (1.7, 0.0, height))
    return Camera(SensorCalibration(name, pose, intrinsic), size, 0.0)


def take_photo(world: World, camera: Camera, time: float, rng: np.random.Generator) -> Photo:
    """Render a world ``time`` seconds after its start, and say what the camera sees."""
    snapshot, ego = take_snapshot(world, time), world.ego_pose_at(time)
    fractions = visible_fractions(snapshot, [camera], [ego])
    seen = [
        _see(placed.actor, camera, ego, time, float(fraction))
        for placed, fraction in zip(snapshot.actors, fractions, strict=True)
        if fraction > 0
    ]
    near = [each for each in seen if each is not None and each.center_cam[2] < RANGE]
    near.sort(key=lambda each: each.center_cam[2])
    return Photo(render_image(snapshot, camera, ego, rng), near)


def _see(
    actor: Actor, camera: Camera, ego: Pose, time: float, visibility: float
) -> SeenObject | None:
    """An object in the camera frame; None where its box is hardly in the image."""
    mount = camera.calibration.sensor_to_ego
    pose = actor.pose_at(time)
    center = mount.apply_inverse(ego.apply_inverse(np.asarray(pose.translation)))
    to_camera = mount.matrix.T @ ego.matrix.T
    rotation = to_camera @ pose.matrix @ OBJECT_TO_NUSCENES
    size = np.asarray(actor.size_lwh)[[0, 2, 1]]
    points = clip_edges(box_corners(center[None], size[None], rotation[None])[0]).reshape(-1, 3)
    if len(points) == 0:
        return None
    pixels = project_points(points, camera.intrinsic)
    low, high = pixels.min(0), pixels.max(0)
    bbox = np.concatenate([np.clip(low, 0, camera.size), np.clip(high, 0, camera.size)])
    sides = bbox[2:] - bbox[:2]
    if (sides < MIN_SIDE).any():
        return None
    after, before = (actor.pose_at(time + step).translation for step in (STEP, -STEP))
    velocity = to_camera @ (np.asarray(after) - np.asarray(before)) / (2 * STEP)
    truncation = 1 - float(sides.prod() / (high - low).prod())
    return SeenObject(
        actor, actor.attribute_at(time), center, rotation, velocity, bbox, truncation, visibility
    )
