"""Names of nuScenes and of its detection task: sensors, classes, attributes and who has which."""

from collections.abc import Sequence

import numpy as np

from ..vocabulary import Vocabulary

CAMERAS = (
    "CAM_FRONT",
    "CAM_FRONT_RIGHT",
    "CAM_FRONT_LEFT",
    "CAM_BACK",
    "CAM_BACK_LEFT",
    "CAM_BACK_RIGHT",
)
LIDAR = "LIDAR_TOP"

CLASSES = (
    "car",
    "truck",
    "trailer",
    "bus",
    "construction_vehicle",
    "bicycle",
    "motorcycle",
    "pedestrian",
    "traffic_cone",
    "barrier",
)

ATTRIBUTES = (
    "cycle.with_rider",
    "cycle.without_rider",
    "pedestrian.moving",
    "pedestrian.standing",
    "pedestrian.sitting_lying_down",
    "vehicle.moving",
    "vehicle.parked",
    "vehicle.stopped",
    "none",
)
NO_ATTRIBUTE = ATTRIBUTES.index("none")

CATEGORIES = (
    "human.pedestrian.adult",
    "human.pedestrian.child",
    "human.pedestrian.wheelchair",
    "human.pedestrian.stroller",
    "human.pedestrian.personal_mobility",
    "human.pedestrian.police_officer",
    "human.pedestrian.construction_worker",
    "animal",
    "vehicle.car",
    "vehicle.motorcycle",
    "vehicle.bicycle",
    "vehicle.bus.bendy",
    "vehicle.bus.rigid",
    "vehicle.truck",
    "vehicle.construction",
    "vehicle.emergency.ambulance",
    "vehicle.emergency.police",
    "vehicle.trailer",
    "movable_object.barrier",
    "movable_object.trafficcone",
    "movable_object.pushable_pullable",
    "movable_object.debris",
    "static_object.bicycle_rack",
)

# the category that stands for a detection class where it has several
CATEGORY_OF_CLASS = {
    "car": "vehicle.car",
    "truck": "vehicle.truck",
    "trailer": "vehicle.trailer",
    "bus": "vehicle.bus.rigid",
    "construction_vehicle": "vehicle.construction",
    "bicycle": "vehicle.bicycle",
    "motorcycle": "vehicle.motorcycle",
    "pedestrian": "human.pedestrian.adult",
    "traffic_cone": "movable_object.trafficcone",
    "barrier": "movable_object.barrier",
}

VISIBILITY_LEVELS = {1: "v0-40", 2: "v40-60", 3: "v60-80", 4: "v80-100"}

_VEHICLE = ("vehicle.moving", "vehicle.parked", "vehicle.stopped")
_CYCLE = ("cycle.with_rider", "cycle.without_rider")
_PEDESTRIAN = ("pedestrian.moving", "pedestrian.standing", "pedestrian.sitting_lying_down")
_NONE = ("none",)

ATTRIBUTES_OF_CLASS = {
    "car": _VEHICLE,
    "truck": _VEHICLE,
    "trailer": _VEHICLE,
    "bus": _VEHICLE,
    "construction_vehicle": _VEHICLE,
    "bicycle": _CYCLE,
    "motorcycle": _CYCLE,
    "pedestrian": _PEDESTRIAN,
    "traffic_cone": _NONE,
    "barrier": _NONE,
}

# Taken when a detector names an attribute that its class cannot have.
DEFAULT_ATTRIBUTE_OF_CLASS = {
    "car": "vehicle.parked",
    "truck": "vehicle.parked",
    "trailer": "vehicle.parked",
    "bus": "vehicle.moving",
    "construction_vehicle": "vehicle.parked",
    "bicycle": "cycle.without_rider",
    "motorcycle": "cycle.without_rider",
    "pedestrian": "pedestrian.moving",
    "traffic_cone": "none",
    "barrier": "none",
}


def visibility_level(fraction: float) -> int:
    """Level 1..4 of a visible fraction in [0, 1] (0-40, 40-60, 60-80, 80-100 %)."""
    return 1 + sum(fraction >= bound for bound in (0.4, 0.6, 0.8))


def task_labels(classes: Sequence[str]) -> np.ndarray:
    """Index in ``CLASSES`` of each class of a data set, which may be a subset in another order.

    Raises:
        ValueError: a class that the detection task does not have.
    """
    if unknown := [name for name in classes if name not in CLASSES]:
        raise ValueError(
            f"classes {unknown} (metainfo.classes of the data set) are none of the detection "
            f"task's: {CLASSES}"
        )
    return np.array([CLASSES.index(name) for name in classes], dtype=np.int64)


def task_vocabulary(classes: Sequence[str] = CLASSES) -> Vocabulary:
    """Names of the detection task for a data set with these classes."""
    return Vocabulary(tuple(classes), ATTRIBUTES, ATTRIBUTES_OF_CLASS, DEFAULT_ATTRIBUTE_OF_CLASS)
