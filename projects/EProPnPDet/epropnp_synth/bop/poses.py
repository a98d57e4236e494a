"""Random views of objects: from above, anywhere in the image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ViewRange:
    """Poses that are drawn.

    Attributes:
        distance: metres along the optical axis, least and most.
        elevation: radians above the object's horizon, least and most.
        azimuth: radians; the camera stands up to this much to either side of the object's front.
        roll: radians; the camera turns about its axis by up to this much either way.
        margin: share of the image's sides that stays free of object centres.
        separation: least distance of two objects' centres in the image, as a share of its height;
            nearer ones are drawn again, at most ``ATTEMPTS`` times.
    """

    distance: tuple[float, float] = (0.45, 0.75)
    elevation: tuple[float, float] = (0.35, 1.2)
    azimuth: float = 1.0
    roll: float = 0.35
    margin: float = 0.2
    separation: float = 0.3


ATTEMPTS = 20


def random_poses(
    rng: np.random.Generator,
    count: int,
    view: ViewRange,
    cam_mat: NDArray,
    image_size: tuple[int, int],
) -> list[NDArray]:
    """Poses (4, 4) of objects in one image, which cover each other in part at most.

    Args:
        rng: source of random numbers.
        count: number of objects.
        view: what to draw from.
        cam_mat: (3, 3).
        image_size: width and height.
    """
    poses: list[NDArray] = []
    least = view.separation * image_size[1]
    for _ in range(count):
        for _ in range(ATTEMPTS):
            pose = random_pose(rng, view, cam_mat, image_size)
            gaps = [np.linalg.norm(_center(pose, cam_mat) - _center(p, cam_mat)) for p in poses]
            if all(gap >= least for gap in gaps):
                break
        poses.append(pose)
    return poses


def _center(pose: NDArray, cam_mat: NDArray) -> NDArray:
    """Pixel (2,) of an object's centre."""
    x, y, z = cam_mat @ pose[:3, 3]
    return np.array([x, y]) / z


def random_pose(
    rng: np.random.Generator, view: ViewRange, cam_mat: NDArray, image_size: tuple[int, int]
) -> NDArray:
    """Object-to-camera pose (4, 4) of an object seen from above.

    Args:
        rng: source of random numbers.
        view: what to draw from; azimuth and roll are uniform, elevation uniform in its sine.
        cam_mat: (3, 3).
        image_size: width and height.
    """
    pose = np.eye(4)
    pose[:3, :3] = _look_down(
        rng.uniform(-view.azimuth, view.azimuth),
        np.arcsin(rng.uniform(*np.sin(view.elevation))),
        rng.uniform(-view.roll, view.roll),
    )
    size = np.asarray(image_size, dtype=float)
    center = size * rng.uniform(view.margin, 1 - view.margin, size=2)
    depth = rng.uniform(*view.distance)
    pose[:3, 3] = depth * (np.linalg.inv(cam_mat) @ [*center, 1.0])
    # turn with the line of sight, so that the same side shows wherever the object is
    pose[:3, :3] = _toward(pose[:3, 3]) @ pose[:3, :3]
    return pose


def _look_down(azimuth: float, elevation: float, roll: float) -> NDArray:
    """Rotation of an object (z up) into a camera that looks at it from an elevation."""
    c, s = np.cos(azimuth), np.sin(azimuth)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    upright = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # z up -> y down, z away
    c, s = np.cos(elevation), np.sin(elevation)
    tilt = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(roll), np.sin(roll)
    spin = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return spin @ tilt @ upright @ turn


def _toward(translation: NDArray) -> NDArray:
    """Least rotation that takes the optical axis to a line of sight."""
    z = translation / np.linalg.norm(translation)
    axis = np.cross((0, 0, 1), z)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + z[2])
