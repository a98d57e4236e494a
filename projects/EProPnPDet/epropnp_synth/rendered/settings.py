"""What is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CameraSettings:
    """Pinhole camera; integer pixel coordinates are pixel centres.

    Attributes:
        width: pixels.
        height: pixels.
        fx: focal length, pixels.
        fy: focal length, pixels.
        cx: principal point, pixels.
        cy: principal point, pixels.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @property
    def cam_mat(self) -> NDArray:
        """(3, 3) intrinsics."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], float)


@dataclass(frozen=True)
class ViewSettings:
    """Poses that are drawn; the defaults cover LM-O's test images.

    Attributes:
        distance: metres from the camera to what it looks at, least and most.
        elevation_deg: of the camera above the object's horizon, least and most; uniform in the
            sine.
        roll_deg: the camera turns about its axis by up to this much either way.
        table: share of images in which objects stand upright on a table; in the others they float,
            each with a view of its own.
    """

    distance: tuple[float, float] = (0.4, 1.5)
    elevation_deg: tuple[float, float] = (5.0, 88.0)
    roll_deg: float = 40.0
    table: float = 0.6


@dataclass(frozen=True)
class RenderSettings:
    """The whole data set.

    Attributes:
        camera: its camera.
        num_train: images of ``train_rendered``.
        num_val: images of ``val_rendered``, for choosing settings.
        objects_per_image: least and most; an object occurs once in an image.
        clutter_per_image: least and most other things.
        view: poses.
        seed: decides everything.
    """

    camera: CameraSettings
    num_train: int = 1000
    num_val: int = 50
    objects_per_image: tuple[int, int] = (4, 8)
    clutter_per_image: tuple[int, int] = (2, 6)
    view: ViewSettings = field(default_factory=ViewSettings)
    seed: int = 0
