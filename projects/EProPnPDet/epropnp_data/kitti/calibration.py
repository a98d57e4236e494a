"""Calibration files."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DatasetError


class CameraCalibration(NamedTuple):
    """Camera 2, which takes the colour images.

    Attributes:
        intrinsics: (3, 3).
        offset: (3,) add it to a point of camera 0 to get it in camera 2, metres.
    """

    intrinsics: np.ndarray
    offset: np.ndarray


def read_calibration(path: Path) -> CameraCalibration:
    """Camera 2 of a calibration file.

    Raises:
        DatasetError: it is missing, or has no projection of camera 2.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: no such calibration file. Unpack KITTI's calib there")
    for line in path.read_text().splitlines():
        name, _, numbers = line.partition(":")
        if name != "P2":
            continue
        try:
            projection = np.array(numbers.split(), dtype=float).reshape(3, 4)
            offset = np.linalg.solve(projection[:, :3], projection[:, 3])
        except (ValueError, np.linalg.LinAlgError):
            raise DatasetError(
                f"{path}: P2 is {numbers.strip()[:60]!r}, expected a 3 x 4 projection"
            ) from None
        return CameraCalibration(projection[:, :3], offset)
    raise DatasetError(f"{path}: has no line P2, the projection of the colour camera")
