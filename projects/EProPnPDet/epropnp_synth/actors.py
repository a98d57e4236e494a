"""Annotated objects: class, size, look, motion and the attribute that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from epropnp_data.geometry.poses import Pose

from .motion import Motion

# Mean and standard deviation of (l, w, h) per class in metres, as measured on nuScenes; wide
# spreads are narrowed so that every size suits its shape.
SIZE_STATISTICS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "car": ((4.62, 1.96, 1.73), (0.40, 0.12, 0.15)),
    "truck": ((6.94, 2.52, 2.84), (0.90, 0.20, 0.35)),
    "trailer": ((12.00, 2.90, 3.85), (1.50, 0.20, 0.30)),
    "bus": ((11.00, 2.92, 3.45), (1.10, 0.15, 0.22)),
    "construction_vehicle": ((6.60, 2.80, 3.15), (0.80, 0.30, 0.30)),
    "bicycle": ((1.72, 0.61, 1.15), (0.12, 0.07, 0.08)),
    "motorcycle": ((2.11, 0.78, 1.30), (0.18, 0.08, 0.10)),
    "pedestrian": ((0.73, 0.67, 1.74), (0.12, 0.08, 0.12)),
    "traffic_cone": ((0.42, 0.42, 1.00), (0.05, 0.05, 0.16)),
    "barrier": ((0.52, 2.45, 1.00), (0.06, 0.35, 0.10)),
}
RIDDEN_HEIGHT = {"bicycle": 1.68, "motorcycle": 1.62}
SITTING_HEIGHT = 1.28
SIZE_SPREAD = 0.5  # share of the standard deviations of nuScenes
MOVING_SPEED = 0.4  # m/s; slower vehicles count as stopped


@dataclass(frozen=True)
class Actor:
    """One object.

    Attributes:
        name: unique within its world.
        class_name: detection class.
        size_lwh: (l, w, h) in metres.
        posture: ``ridden``, ``walking``, ``standing``, ``sitting``, ``driven`` or ``left``.
        look: seed of its mesh.
        motion: where it is when.
        marked: whether its colours tell front from back; it has a single one if not.
    """

    name: str
    class_name: str
    size_lwh: tuple[float, float, float]
    posture: str
    look: int
    motion: Motion
    marked: bool = True

    def pose_at(self, time: float) -> Pose:
        """Pose of the box in the global frame; the box stands on the ground."""
        state = self.motion.at(time)
        return Pose.from_yaw(state.yaw, state.x, state.y, self.size_lwh[2] / 2)

    def attribute_at(self, time: float) -> str | None:
        """NuScenes attribute at ``time``; None for cones and barriers."""
        if self.class_name in ("traffic_cone", "barrier"):
            return None
        if self.class_name in ("bicycle", "motorcycle"):
            return "cycle.with_rider" if self.posture == "ridden" else "cycle.without_rider"
        moving = self.motion.at(time).speed > MOVING_SPEED
        if self.class_name == "pedestrian":
            if self.posture == "sitting":
                return "pedestrian.sitting_lying_down"
            return "pedestrian.moving" if moving else "pedestrian.standing"
        if self.posture == "left":
            return "vehicle.parked"
        return "vehicle.moving" if moving else "vehicle.stopped"


def draw_size(
    class_name: str, posture: str, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Random (l, w, h): one common scale, and a little of each axis' own.

    Sizes vary half as much as in nuScenes: a network has minutes to learn them, not days.
    """
    mean, std = (np.asarray(v) for v in SIZE_STATISTICS[class_name])
    mean = mean.copy()
    if posture == "ridden":
        mean[2] = RIDDEN_HEIGHT[class_name]
    elif posture == "sitting":
        mean[2] = SITTING_HEIGHT
    z = np.clip(0.7 * rng.normal() + 0.7 * rng.normal(size=3), -2, 2)
    length, width, height = np.round(mean + SIZE_SPREAD * std * z, 3)
    return float(length), float(width), float(height)
