"""Ground truth of a driving data set in plain form: what the table writer takes.

Nothing here knows whether the images were rendered or photographed.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..geometry.poses import Pose


@dataclass(frozen=True)
class SensorCalibration:
    """Mounting of one sensor.

    Attributes:
        channel: nuScenes channel, for instance ``CAM_FRONT``.
        sensor_to_ego: pose of the sensor in the ego frame.
        intrinsic: rows of the (3, 3) camera matrix; empty for other sensors.
    """

    channel: str
    sensor_to_ego: Pose
    intrinsic: tuple[tuple[float, ...], ...] = ()

    @property
    def modality(self) -> str:
        """``camera``, ``lidar`` or ``radar``, by the channel's prefix."""
        prefixes = {"CAM": "camera", "LID": "lidar", "RAD": "radar"}
        return prefixes[self.channel[:3]]


@dataclass(frozen=True)
class Reading:
    """One file of one sensor.

    Attributes:
        channel: which sensor.
        filename: path relative to the data root.
        timestamp: microseconds.
        ego_to_global: ego pose at ``timestamp``.
        size: (width, height) in pixels; (0, 0) for other sensors.
        token: sample_data token; derived when empty.
    """

    channel: str
    filename: str
    timestamp: int
    ego_to_global: Pose
    size: tuple[int, int] = (0, 0)
    token: str = ""


@dataclass(frozen=True)
class BoxAnnotation:
    """One box of one keyframe.

    Attributes:
        instance: name of the object, the same in all keyframes of a scene.
        category: nuScenes category, for instance ``vehicle.car``.
        box_to_global: pose of the box; x along its length.
        size_lwh: (l, w, h) in metres.
        attributes: nuScenes attribute names, at most one.
        visibility: nuScenes level 1..4, or None when nobody knows.
        num_lidar_pts: lidar points on the object.
        num_radar_pts: radar points on the object.
    """

    instance: str
    category: str
    box_to_global: Pose
    size_lwh: tuple[float, float, float]
    attributes: tuple[str, ...] = ()
    visibility: int | None = None
    num_lidar_pts: int = 0
    num_radar_pts: int = 0


@dataclass(frozen=True)
class Keyframe:
    """All sensor readings and boxes of one moment; ``timestamp`` in microseconds."""

    timestamp: int
    readings: tuple[Reading, ...]
    boxes: tuple[BoxAnnotation, ...] = ()
    token: str = ""


@dataclass(frozen=True)
class Log:
    """One drive: the vehicle, the date and the map its scenes lie on.

    ``map_file`` is relative to the data root; ``date`` is YYYY-MM-DD.
    """

    name: str
    vehicle: str
    date: str
    location: str
    map_file: str


@dataclass(frozen=True)
class Scene:
    """A sequence of keyframes in order of time, recorded with one calibration."""

    name: str
    description: str
    log: Log
    calibrations: tuple[SensorCalibration, ...]
    keyframes: tuple[Keyframe, ...]
