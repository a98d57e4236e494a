"""Which annotated objects of a BOP split become crops."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..bop.scenes import ObjectInstance, SceneImage, read_scene


@dataclass(frozen=True)
class InstanceFilter:
    """Selection of annotations.

    Attributes:
        obj_ids: objects kept; None keeps all.
        min_visib: least visible fraction.
        image_file: JSON file ``{"<scene>": [image ids]}`` relative to the data set, for example one
            part of the LineMOD split; None keeps all images.
        max_per_object: keep at most this many crops of an object, spread evenly over the split.
    """

    obj_ids: tuple[int, ...] | None = None
    min_visib: float = 0.0
    image_file: str | None = None
    max_per_object: int | None = None

    def accepts(self, instance: ObjectInstance) -> bool:
        """Whether object and visibility fit; what cannot be seen at all never does."""
        wanted = self.obj_ids is None or instance.obj_id in self.obj_ids
        return wanted and instance.visib_fract >= self.min_visib and instance.visib_fract > 0


def select_images(data_root: Path, split: str, selection: InstanceFilter) -> list[SceneImage]:
    """Images of ``<data_root>/<split>/<scene>`` that the selection keeps, annotations unfiltered.

    Raises:
        FileNotFoundError: if the split has no scene folder.
        ValueError: if the image file names a frame that does not exist.
    """
    folder = Path(data_root) / split
    scenes = sorted(path.parent for path in folder.glob("*/scene_camera.json"))
    if not scenes:
        raise FileNotFoundError(f"{folder}: no <scene>/scene_camera.json below it (BOP format)")
    images = [image for scene in scenes for image in read_scene(scene)]
    if selection.image_file is None:
        return images
    path = Path(data_root) / selection.image_file
    wanted = {(int(s), i) for s, ids in json.loads(path.read_text()).items() for i in ids}
    missing = wanted - {(image.scene_id, image.im_id) for image in images}
    if missing:
        raise ValueError(f"{path}: scene, image {min(missing)} is not in {folder}")
    return [image for image in images if (image.scene_id, image.im_id) in wanted]


def thin_out(entries: list[dict], max_per_object: int | None) -> list[dict]:
    """Keep at most so many entries per ``obj_id``, evenly spaced, order unchanged."""
    if max_per_object is None:
        return entries
    kept: set[int] = set()
    for obj_id in {entry["obj_id"] for entry in entries}:
        indices = [i for i, entry in enumerate(entries) if entry["obj_id"] == obj_id]
        if len(indices) > max_per_object:
            picks = np.linspace(0, len(indices) - 1, max_per_object).astype(int)
            indices = [indices[pick] for pick in picks]
        kept.update(indices)
    return [entry for index, entry in enumerate(entries) if index in kept]
