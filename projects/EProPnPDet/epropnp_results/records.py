"""Images, detections and true boxes as plain data that turns into JSON and back.

Frames: camera x right, y down, z forward. The ground frame is the camera frame, turned so that
gravity points along y. Metres, radians, pixels (continuous, the first pixel's centre is at 0.5).
"""

from dataclasses import asdict, dataclass, field, fields

import numpy as np

DIGITS = 7  # significant ones in files
SHAPES = {  # of numbers that every record of their kind has
    "translation": (3,),
    "rotation": (3, 3),
    "size": (3,),
    "box_center": (3,),
    "score": (),
    "width": (),
    "height": (),
    "intrinsics": (3, 3),
}


@dataclass(frozen=True)
class TruthBox:
    """An annotated object.

    Attributes:
        label: class.
        translation: (3,) origin of the object, camera frame.
        rotation: (3, 3) object to camera.
        size: (3,) extent along the object's x, y and z.
        box_center: (3,) centre of the box in the object frame.
        visibility: share of it that can be seen, or None.
    """

    label: str
    translation: list[float]
    rotation: list[list[float]]
    size: list[float]
    box_center: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    visibility: float | None = None


@dataclass(frozen=True)
class ObjectResult:
    """A detection.

    Attributes:
        label: class.
        score: in [0, 1].
        translation: (3,) origin of the object, camera frame.
        rotation: (3, 3) object to camera.
        size: (3,) extent along the object's x, y and z; for vehicles length, height and width.
        box_center: (3,) centre of the box in the object frame.
        bbox: x1, y1, x2, y2 in the image, or None.
        yaw: direction of the object's x axis in the ground plane, 0 is to the right, None where
            heading means nothing.
        velocity: (vx, vz) in the ground plane, m/s, or None.
        attribute: name of its state, or None.
        covariance: (D, D) of the pose (x, y, z, then rotation about camera axes or yaw), or None.
        intervals: per credible level a dictionary, see ``docs/results_folder.md``; empty without
            density.
        trust: diagnostics by name, see ``docs/results_folder.md``; empty without density.
        truth_index: which entry of the image's truth this is, where that is known beforehand.
    """

    label: str
    score: float
    translation: list[float]
    rotation: list[list[float]]
    size: list[float]
    box_center: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    bbox: list[float] | None = None
    yaw: float | None = None
    velocity: list[float] | None = None
    attribute: str | None = None
    covariance: list[list[float]] | None = None
    intervals: list[dict] = field(default_factory=list)
    trust: dict[str, float] = field(default_factory=dict)
    truth_index: int | None = None


@dataclass(frozen=True)
class ImageResult:
    """All that was found in one image.

    Attributes:
        name: unique name within the results.
        image: path of the image file, absolute or relative to the results folder.
        width: pixels.
        height: pixels.
        intrinsics: (3, 3) camera matrix.
        distortion: coefficients of the lens in OpenCV's order, or None.
        camera_to_ground: (3, 3) rotation into the ground frame; None for a level camera.
        group: images of one moment share it, or None.
        camera: name of the camera, or None.
        camera_to_ego: (4, 4) into the vehicle's frame (x forward, y left, z up), or None.
        objects: detections, best first.
        truth: annotated objects; None where there are no annotations.
    """

    name: str
    image: str
    width: int
    height: int
    intrinsics: list[list[float]]
    distortion: list[float] | None = None
    camera_to_ground: list[list[float]] | None = None
    group: str | None = None
    camera: str | None = None
    camera_to_ego: list[list[float]] | None = None
    objects: list[ObjectResult] = field(default_factory=list)
    truth: list[TruthBox] | None = None


def to_json(result: ImageResult) -> dict:
    """Plain numbers and lists; numbers with seven digits, NaN and infinity as null."""
    return _plain(asdict(result))


def from_json(content: dict) -> ImageResult:
    """Inverse of `to_json`.

    Raises:
        ValueError: a field is missing, unknown or of another kind; the message names it.
    """
    content = {"objects": [], **content}
    for name, kind in (("objects", ObjectResult), ("truth", TruthBox)):
        items = content.get(name)
        if items is None and name == "truth":
            continue
        if not isinstance(items, list):
            raise ValueError(f"{name} is {items!r}, expected a list")
        content[name] = [_build(kind, item) for item in items]
    return _build(ImageResult, content)


def corners(box: ObjectResult | TruthBox) -> np.ndarray:
    """Corners (8, 3) of a box in the camera frame; x varies slowest, z fastest."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    local = 0.5 * signs * np.array(box.size) + np.array(box.box_center)
    return local @ np.array(box.rotation).T + np.array(box.translation)


def center(box: ObjectResult | TruthBox) -> np.ndarray:
    """Centre (3,) of a box in the camera frame."""
    return np.array(box.rotation) @ np.array(box.box_center) + np.array(box.translation)


def _build(kind: type, content: dict) -> object:
    if not isinstance(content, dict):
        raise ValueError(f"{kind.__name__}: is {content!r}, expected an object of fields")
    names = {item.name for item in fields(kind)}
    if unknown := sorted(set(content) - names):
        raise ValueError(f"{kind.__name__}: unknown field {unknown[0]!r}")
    try:
        record = kind(**content)
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: {error}") from None
    for name, shape in SHAPES.items():
        if name in names and not _has_shape(getattr(record, name), shape):
            raise ValueError(
                f"{kind.__name__}: {name} is {getattr(record, name)!r}, expected numbers of shape "
                f"{shape}"
            )
    for name in ("name", "image", "label"):
        if name in names and not isinstance(getattr(record, name), str):
            raise ValueError(f"{kind.__name__}: {name} is {getattr(record, name)!r}, expected text")
    return record


def _has_shape(value: object, shape: tuple[int, ...]) -> bool:
    try:
        array = np.array(value, dtype=float)
    except (TypeError, ValueError, OverflowError):
        return False
    return array.shape == shape and bool(np.isfinite(array).all())


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, bool | str | int) or value is None:
        return value
    number = float(value)
    return float(f"{number:.{DIGITS}g}") if np.isfinite(number) else None
