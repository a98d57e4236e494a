"""Intrinsics, lens distortion and tilt of a camera.

Intrinsics here follow this project's pixels: the centre of the first pixel is (0.5, 0.5). OpenCV
counts it as (0, 0), which makes its principal point half a pixel smaller; that is far below the
accuracy of a calibration, and files are taken as they are.
"""

import json
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

HOW_TO = (
    "Pose estimation needs the camera matrix. Calibrate the camera (OpenCV's chessboard tutorial), "
    "or take focal length in pixels from the data sheet or EXIF: width * focal_mm / sensor_mm. For "
    "a guess give --fov DEGREES, the horizontal field of view (a phone's main camera: about 65)"
)
NAMES = {
    "intrinsics": ("intrinsics", "camera_matrix", "K", "cam2img", "camera_intrinsic"),
    "distortion": ("distortion", "dist_coeffs", "distortion_coefficients", "D"),
}
COUNTS = (4, 5, 8, 12, 14)  # coefficients of OpenCV's lens models


class CameraError(RuntimeError):
    """A camera that is missing or makes no sense; the message says what to do."""


class Camera(NamedTuple):
    """A camera.

    Attributes:
        intrinsics: (3, 3).
        distortion: coefficients in OpenCV's order, or None.
        camera_to_ground: (3, 3) rotation into a frame whose y axis is gravity, or None if level.
    """

    intrinsics: np.ndarray
    distortion: np.ndarray | None = None
    camera_to_ground: np.ndarray | None = None


def read_camera(words: list[str]) -> Camera:
    """Camera of ``fx fy cx cy`` or of a JSON or text file.

    A text file holds the 3x3 matrix. A JSON file holds ``intrinsics`` (3x3, or ``fx``, ``fy``,
    ``cx``, ``cy``) and may hold ``distortion`` (OpenCV's order) and ``gravity``, the direction of
    gravity in the camera frame (x right, y down, z forward).

    Raises:
        CameraError: with the file and the field at fault.
    """
    if len(words) == 4:
        return Camera(_checked(_matrix(*_floats(words)), "--intrinsics"))
    if len(words) != 1:
        raise CameraError(f"--intrinsics takes fx fy cx cy or one file, got {len(words)} words")
    path = Path(words[0])
    if not path.is_file():
        raise CameraError(f"{path}: no such file. {HOW_TO}")
    if path.suffix.lower() != ".json":
        try:
            return Camera(_checked(np.loadtxt(path), str(path)))
        except ValueError as error:
            raise CameraError(f"{path}: is no 3x3 matrix ({error})") from None
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise CameraError(f"{path}: is not JSON ({error})") from None
    try:
        return _from_fields(content, path)
    except (TypeError, ValueError, OverflowError) as error:
        raise CameraError(f"{path}: holds what is no number ({error})") from None


def camera_from_fov(degrees: float, width: int, height: int) -> Camera:
    """Camera of a horizontal field of view, its axis through the middle of the image.

    Raises:
        CameraError: not between 5 and 170 degrees.
    """
    if not 5 <= degrees <= 170:
        raise CameraError(f"--fov is {degrees} degrees, expected 5 to 170")
    focal = 0.5 * width / np.tan(0.5 * np.radians(degrees))
    return Camera(_matrix(focal, focal, 0.5 * width, 0.5 * height))


def ground_rotation(pitch: float, roll: float = 0.0) -> np.ndarray:
    """Rotation (3, 3) from the camera to the ground frame.

    Args:
        pitch: degrees the camera looks down.
        roll: degrees it is turned clockwise about its axis, seen from behind.
    """
    (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in np.radians([pitch, roll]))
    down = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    return down @ np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])


def pitch_from_horizon(row: float, intrinsics: np.ndarray) -> float:
    """Degrees the camera looks down, from the row of the horizon in the image's middle."""
    return float(np.degrees(np.arctan((intrinsics[1, 2] - row) / intrinsics[1, 1])))


def rotation_from_gravity(gravity: np.ndarray) -> np.ndarray:
    """Rotation (3, 3) into the ground frame of a direction of gravity (3,) in the camera frame."""
    down = np.asarray(gravity, dtype=float) / np.linalg.norm(gravity)
    right = np.cross(down, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return np.stack([right, down, np.cross(right, down)])


def camera_tilt(camera_to_ground: np.ndarray) -> tuple[float, float]:
    """Degrees a camera looks down and is turned clockwise, the inverse of `ground_rotation`."""
    right_down, down, ahead_down = camera_to_ground[1]
    pitch = np.degrees(np.arcsin(np.clip(ahead_down, -1, 1)))
    return float(pitch), float(np.degrees(np.arctan2(right_down, down)))


def undistort(image: np.ndarray, camera: Camera) -> np.ndarray:
    """Image as a lens without distortion would show it, with the same intrinsics."""
    if camera.distortion is None:
        return image
    shifted = camera.intrinsics - np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    return cv2.undistort(image, shifted, camera.distortion)


def _from_fields(content: object, path: Path) -> Camera:
    if not isinstance(content, dict):
        raise CameraError(f"{path}: holds {type(content).__name__}, expected an object of fields")
    fields = {
        name: next((content[key] for key in keys if key in content), None)
        for name, keys in NAMES.items()
    }
    if fields["intrinsics"] is None and all(key in content for key in ("fx", "fy", "cx", "cy")):
        fields["intrinsics"] = _matrix(*(float(content[key]) for key in ("fx", "fy", "cx", "cy")))
    if fields["intrinsics"] is None:
        raise CameraError(f"{path}: has neither intrinsics nor fx, fy, cx, cy. {HOW_TO}")
    distortion = fields["distortion"]
    if distortion is not None:
        distortion = np.array(distortion, dtype=float).ravel()
        if len(distortion) not in COUNTS or not np.isfinite(distortion).all():
            raise CameraError(
                f"{path}: distortion has {len(distortion)} numbers, expected {COUNTS}"
            )
    ground = content.get("gravity")
    if ground is not None:
        ground = np.array(ground, dtype=float)
        if ground.shape != (3,) or not 1e-6 < np.linalg.norm(ground[:2]) < np.inf:
            raise CameraError(f"{path}: gravity is {ground}, expected three numbers, y mostly")
        ground = rotation_from_gravity(np.array(ground))
    return Camera(_checked(np.array(fields["intrinsics"]), str(path)), distortion, ground)


def _matrix(fx: float, fy: float, cx: float, cy: float) -> np.ndarray:
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def _floats(words: list[str]) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError:
        raise CameraError(f"--intrinsics {' '.join(words)}: expected four numbers") from None


def _checked(matrix: np.ndarray, source: str) -> np.ndarray:
    if matrix.size == 9:
        matrix = matrix.reshape(3, 3).astype(float)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
        raise CameraError(f"{source}: camera matrix is {matrix.shape}, expected 3x3 finite numbers")
    if not (matrix[0, 0] > 0 and matrix[1, 1] > 0 and np.allclose(matrix[2], [0, 0, 1])):
        raise CameraError(
            f"{source}: camera matrix needs positive focal lengths and a last row of 0 0 1, got "
            f"{matrix.tolist()}"
        )
    return matrix
