"""Writes a set of images; the file appears complete or not at all."""

import json
from pathlib import Path

import numpy as np

from ..whole_file import write_text
from .read import FORMAT, VERSION
from .records import Category, CustomImage, CustomObject, CustomSet

DIGITS = 9  # significant ones


def write_custom(custom: CustomSet, info: dict | None = None) -> Path:
    """Write a set to its own path.

    Args:
        custom: what to write; annotations appear where at least one image has some.
        info: whatever else a reader of the file should know.
    """
    content = dict(format=FORMAT, version=VERSION, info=info or {})
    content["categories"] = [_category(i, each) for i, each in enumerate(custom.categories)]
    content["images"] = [_image(i, each) for i, each in enumerate(custom.images)]
    if custom.is_annotated:
        pairs = [(i, each) for i, image in enumerate(custom.images) for each in image.objects or ()]
        content["annotations"] = [_object(i, *pair) for i, pair in enumerate(pairs)]
    write_text(custom.path, json.dumps(content, allow_nan=False))
    return custom.path


def _category(index: int, category: Category) -> dict:
    found = dict(id=index, name=category.name, max_distance=category.max_distance)
    found |= dict(attributes=list(category.attributes) or None)
    return _known(found | dict(size_mean=category.size_mean, size_std=category.size_std))


def _image(index: int, image: CustomImage) -> dict:
    names = ("file_name", "width", "height", "gravity", "group", "camera", "camera_to_ego")
    found = {name: getattr(image, name) for name in names}
    return _known(dict(id=index, K=image.intrinsics) | found)


def _object(index: int, image_index: int, item: CustomObject) -> dict:
    names = ("center_cam", "size_lhw", "velocity", "attribute", "visibility")
    found = {name: getattr(item, name) for name in names}
    found |= dict(id=index, image_id=image_index, category_id=item.label, R_cam=item.rotation)
    if item.bbox is not None:
        found["bbox"] = np.concatenate([item.bbox[:2], item.bbox[2:] - item.bbox[:2]])
    if item.ignore:
        found["ignore"] = True
    return _known(found)


def _known(fields: dict) -> dict:
    return {name: _plain(value) for name, value in fields.items() if value is not None}


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.integer | np.floating | float):
        return float(f"{float(value):.{DIGITS}g}")
    return value
