"""From a world to the sensor files and the plain ground truth of one keyframe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from epropnp_data.geometry.poses import Pose
from epropnp_data.nuscenes.records import BoxAnnotation, Keyframe, Reading
from epropnp_data.nuscenes.taxonomy import CATEGORY_OF_CLASS, LIDAR, visibility_level

from .difficulty import SHARP, Optics
from .lidar import LidarSweep, scan
from .render import render_image
from .rig import Camera, nuscenes_lidar
from .snapshot import Snapshot, take_snapshot
from .visibility import visible_fractions
from .world import World

KEYFRAME_PERIOD = 0.5  # seconds
ANNOTATION_RANGE = 65.0  # metres around the ego vehicle
JPEG_QUALITY = 93


@dataclass(frozen=True)
class Recorder:
    """Writes one scene's files below ``root`` with names that start with ``log_name``.

    Attributes:
        root: data root.
        log_name: name of the drive.
        start: time stamp of the first keyframe, microseconds.
        cameras: those of the vehicle.
        annotated: whether the boxes are published.
        seed: seed of sensor noise.
        optics: of the cameras.
    """

    root: Path
    log_name: str
    start: int
    cameras: tuple[Camera, ...]
    annotated: bool
    seed: tuple[int, ...]
    optics: Optics = SHARP

    def record(self, world: World, index: int) -> Keyframe:
        """Render and scan keyframe number ``index`` of a world."""
        time = index * KEYFRAME_PERIOD
        snapshot = take_snapshot(world, time)
        rng = np.random.default_rng([*self.seed, index])
        cameras = self.cameras
        ego_poses = [world.ego_pose_at(time + camera.delay) for camera in cameras]
        readings = [
            self._photograph(snapshot, camera, pose, time, rng)
            for camera, pose in zip(cameras, ego_poses, strict=True)
        ]
        sweep = scan(snapshot, nuscenes_lidar(), world.ego_pose_at(time), rng)
        readings.append(self._store_sweep(sweep, world.ego_pose_at(time), time))
        boxes: tuple[BoxAnnotation, ...] = ()
        if self.annotated:
            fractions = visible_fractions(snapshot, cameras, ego_poses)
            boxes = annotate(snapshot, time, fractions, sweep)
        return Keyframe(self._stamp(time), tuple(readings), boxes)

    def _stamp(self, time: float) -> int:
        return self.start + round(1e6 * time)

    def _photograph(
        self, snapshot: Snapshot, camera: Camera, pose: Pose, time: float, rng
    ) -> Reading:
        stamp = self._stamp(time + camera.delay)
        channel = camera.calibration.channel
        filename = f"samples/{channel}/{self.log_name}__{channel}__{stamp}.jpg"
        image = render_image(snapshot, camera, pose, rng, self.optics)
        ok, data = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not ok:
            raise RuntimeError(f"cv2 cannot encode {filename}")
        (self.root / filename).write_bytes(data.tobytes())
        return Reading(channel, filename, stamp, pose, camera.size)

    def _store_sweep(self, sweep: LidarSweep, pose: Pose, time: float) -> Reading:
        stamp = self._stamp(time)
        filename = f"samples/{LIDAR}/{self.log_name}__{LIDAR}__{stamp}.pcd.bin"
        (self.root / filename).write_bytes(sweep.points.tobytes())
        return Reading(LIDAR, filename, stamp, pose)


def annotate(
    snapshot: Snapshot, time: float, fractions: np.ndarray, sweep: LidarSweep
) -> tuple[BoxAnnotation, ...]:
    """Boxes of the objects that a camera sees or the lidar hits.

    Args:
        snapshot: the world at this keyframe.
        time: seconds since the start of the scene.
        fractions: (A,) visible share of each actor.
        sweep: lidar points, counted per object.
    """
    counts = np.bincount(sweep.geometry, minlength=len(snapshot.offsets))
    boxes = []
    for placed, fraction in zip(snapshot.actors, fractions, strict=True):
        points = int(counts[placed.geometry])
        near = np.hypot(*placed.pose.translation[:2]) < ANNOTATION_RANGE
        if not near or (points == 0 and fraction == 0):
            continue
        actor = placed.actor
        attribute = actor.attribute_at(time)
        boxes.append(
            BoxAnnotation(
                instance=actor.name,
                category=CATEGORY_OF_CLASS[actor.class_name],
                box_to_global=actor.pose_at(time),
                size_lwh=actor.size_lwh,
                attributes=() if attribute is None else (attribute,),
                visibility=visibility_level(float(fraction)),
                num_lidar_pts=points,
            )
        )
    return tuple(boxes)
