"""Reads a set of one's own images; every value is checked."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import DatasetError
from ..geometry.boxes import yaw_to_rotation
from ..images.cameras import camera_tilt, rotation_from_gravity
from ..images.levelling import MAX_TILT
from .fields import Entry
from .records import Category, CustomImage, CustomObject, CustomSet

FORMAT, VERSION = "epropnp-images", 1
FIELDS = ("format", "version", "info", "categories", "images", "annotations")
CATEGORY = ("id", "name", "attributes", "max_distance", "size_mean", "size_std", "extra")
IMAGE = (
    "id", "file_name", "width", "height", "K", "gravity", "group", "camera", "camera_to_ego",
    "extra",
)  # fmt: skip
ANNOTATION = (
    "id", "image_id", "category_id", "center_cam", "size_lhw", "yaw", "R_cam", "bbox", "velocity",
    "attribute", "visibility", "ignore", "extra",
)  # fmt: skip
FAR = 1e6  # metres, pixels; more is a wrong unit


def read_custom(path: str | Path) -> CustomSet:
    """Read a file.

    Raises:
        DatasetError: naming the file, the field and its value.
    """
    path = Path(path)
    top = Entry(path, "", _load(path), FIELDS)
    if top.content.get("format") != FORMAT or top.content.get("version") != VERSION:
        found = (top.content.get("format"), top.content.get("version"))
        raise DatasetError(
            f"{path}: format and version are {found}, expected {(FORMAT, VERSION)}. The format is "
            "described in docs/custom_data.md; tools/create_data.py kitti writes it from KITTI"
        )
    entries = _by_id(path, "categories", top.list("categories"), CATEGORY)
    if not entries:
        raise top.wrong("categories", "at least one category")
    categories = tuple(_category(entry) for entry in entries.values())
    _refuse_twins(path, "categories", "name", [each.name for each in categories])
    images = _by_id(path, "images", top.list("images"), IMAGE)
    if not images:
        raise top.wrong("images", "at least one image")
    objects = _objects(top, categories, list(entries), images)
    made = [_image(entry, objects.get(key)) for key, entry in images.items()]
    _refuse_twins(path, "images", "file_name", [image.file_name for image in made])
    return CustomSet(path, categories, tuple(made))


def _load(path: Path) -> object:
    if not path.is_file():
        raise DatasetError(f"{path}: no such file (ann_file of the config); docs/custom_data.md")
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise DatasetError(f"{path}: is not JSON ({error})") from None


def _by_id(path: Path, name: str, items: list, fields: tuple[str, ...]) -> dict[int | str, Entry]:
    found: dict[int | str, Entry] = {}
    for index, item in enumerate(items):
        entry = Entry(path, f"{name}[{index}]", item, fields)
        key = entry.key("id")
        if key in found:
            raise entry.wrong("id", f"another one than that of {found[key].place}")
        found[key] = entry
    return found


def _refuse_twins(path: Path, place: str, name: str, values: list[str]) -> None:
    seen: dict[str, int] = {}
    for index, value in enumerate(values):
        if value in seen:
            raise DatasetError(
                f"{path}: {place}[{index}].{name} is {value!r}, which {place}[{seen[value]}] is too"
            )
        seen[value] = index


def _category(entry: Entry) -> Category:
    attributes = entry.list("attributes") if entry.has("attributes") else []
    if not all(isinstance(name, str) and name for name in attributes):
        raise entry.wrong("attributes", "a list of names")
    if entry.has("size_mean") != entry.has("size_std"):
        raise entry.wrong(
            "size_std" if entry.has("size_mean") else "size_mean", "both statistics or none"
        )
    return Category(
        name=entry.text("name"),
        attributes=tuple(attributes),
        max_distance=entry.number("max_distance", 0.1, FAR) if entry.has("max_distance") else None,
        size_mean=_sizes(entry, "size_mean") if entry.has("size_mean") else None,
        size_std=_sizes(entry, "size_std") if entry.has("size_std") else None,
    )


def _sizes(entry: Entry, name: str) -> tuple[float, ...]:
    sizes = entry.array(name, (3,), "length, height, width above 0 in metres")
    if not (sizes > 0).all():
        raise entry.wrong(name, "length, height, width above 0 in metres")
    return tuple(sizes.tolist())


def _image(entry: Entry, objects: list[CustomObject] | None) -> CustomImage:
    intrinsics = entry.array("K", (3, 3), "the camera matrix in pixels of this image")
    if not (intrinsics[[0, 1], [0, 1]] > 0).all() or not np.allclose(intrinsics[2], [0, 0, 1]):
        raise entry.wrong("K", "positive focal lengths and a last row of 0 0 1")
    return CustomImage(
        file_name=entry.text("file_name"),
        width=entry.number("width", 1, FAR, whole=True),
        height=entry.number("height", 1, FAR, whole=True),
        intrinsics=intrinsics,
        gravity=_gravity(entry),
        group=str(entry.key("group")) if entry.has("group") else None,
        camera=entry.text("camera") if entry.has("camera") else None,
        camera_to_ego=_pose(entry) if entry.has("camera_to_ego") else None,
        objects=None if objects is None else tuple(objects),
    )


def _gravity(entry: Entry) -> np.ndarray | None:
    if not entry.has("gravity"):
        return None
    gravity = entry.array("gravity", (3,), "its direction in the camera frame")
    if not np.linalg.norm(gravity[:2]) > 0.1 * np.linalg.norm(gravity):
        raise entry.wrong("gravity", "a direction that is not along the optical axis")
    if max(np.abs(camera_tilt(rotation_from_gravity(gravity)))) > MAX_TILT:
        raise entry.wrong("gravity", f"a camera turned by {MAX_TILT:.0f} degrees at most")
    return gravity / np.linalg.norm(gravity)


def _pose(entry: Entry) -> np.ndarray:
    pose = entry.array("camera_to_ego", (4, 4), "a rigid motion in metres")
    if not _is_rotation(pose[:3, :3]) or not np.allclose(pose[3], [0, 0, 0, 1]):
        raise entry.wrong("camera_to_ego", "a rotation, a translation and a last row of 0 0 0 1")
    return pose


def _objects(
    top: Entry, categories: tuple[Category, ...], ids: list, images: Mapping[int | str, Entry]
) -> dict[int | str, list[CustomObject]]:
    """Objects by image; none at all where the file has no annotations."""
    if not top.has("annotations"):
        return {}
    grounds = {key: _ground(entry) for key, entry in images.items()}
    found: dict[int | str, list[CustomObject]] = {key: [] for key in images}
    for index, item in enumerate(top.list("annotations")):
        entry = Entry(top.file, f"annotations[{index}]", item, ANNOTATION)
        image, category = entry.key("image_id"), entry.key("category_id")
        if image not in images:
            raise entry.wrong("image_id", "the id of an image")
        if category not in ids:
            raise entry.wrong("category_id", f"the id of a category, one of {ids}")
        label = ids.index(category)
        found[image].append(_object(entry, label, categories[label], grounds[image]))
    return found


def _ground(entry: Entry) -> np.ndarray:
    gravity = _gravity(entry)
    return np.eye(3) if gravity is None else rotation_from_gravity(gravity)


def _object(entry: Entry, label: int, category: Category, ground: np.ndarray) -> CustomObject:
    attribute = entry.text("attribute") if entry.has("attribute") else None
    if attribute is not None and attribute not in category.attributes:
        known = f"one of {list(category.attributes)}" if category.attributes else "none"
        raise entry.wrong("attribute", f"{known}, the attributes of {category.name!r}")
    return CustomObject(
        label=label,
        center_cam=entry.array("center_cam", (3,), "metres in the camera frame"),
        size_lhw=np.array(_sizes(entry, "size_lhw")),
        rotation=_rotation(entry, ground),
        bbox=_bbox(entry) if entry.has("bbox") else None,
        velocity=entry.array("velocity", (2,), "m/s") if entry.has("velocity") else None,
        attribute=attribute,
        visibility=entry.number("visibility", 0, 1) if entry.has("visibility") else None,
        ignore=entry.flag("ignore") if entry.has("ignore") else False,
    )


def _rotation(entry: Entry, ground: np.ndarray) -> np.ndarray:
    if entry.has("yaw") == entry.has("R_cam"):
        raise entry.wrong("yaw", "either yaw (radians) or R_cam (3 x 3, object to camera)")
    if entry.has("yaw"):
        return ground.T @ yaw_to_rotation(entry.number("yaw", -100, 100))
    rotation = entry.array("R_cam", (3, 3), "object to camera")
    if not _is_rotation(rotation):
        raise entry.wrong("R_cam", "a rotation matrix, object to camera")
    left, _, right_t = np.linalg.svd(rotation)  # the nearest rotation: files round
    return left @ right_t


def _is_rotation(matrix: np.ndarray) -> bool:
    return np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-3) and np.linalg.det(matrix) > 0


def _bbox(entry: Entry) -> np.ndarray:
    bbox = entry.array("bbox", (4,), "x, y, width, height in pixels")
    if not (bbox[2:] > 0).all():
        raise entry.wrong("bbox", "x, y, width, height in pixels, the last two above 0")
    return np.concatenate([bbox[:2], bbox[:2] + bbox[2:]])
