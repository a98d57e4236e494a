"""Names of the nuScenes detection task: cameras, classes, attributes and which class has which."""

import numpy as np

CAMERAS = (
    "CAM_FRONT",
    "CAM_FRONT_RIGHT",
    "CAM_FRONT_LEFT",
    "CAM_BACK",
    "CAM_BACK_LEFT",
    "CAM_BACK_RIGHT",
)

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


def attribute_scope() -> np.ndarray:
    """Table (10, 9) bool: which attribute (column) an object of a class (row) can have."""
    return np.array(
        [[name in ATTRIBUTES_OF_CLASS[cls] for name in ATTRIBUTES] for cls in CLASSES], dtype=bool
    )


def default_attributes() -> np.ndarray:
    """Table (10,) int: index of each class's default attribute."""
    return np.array([ATTRIBUTES.index(DEFAULT_ATTRIBUTE_OF_CLASS[cls]) for cls in CLASSES])
