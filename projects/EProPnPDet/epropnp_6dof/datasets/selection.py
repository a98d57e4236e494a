"""Which annotated objects of a BOP split become crops."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..bop.errors import BOPError, BOPFileMissing, read_json
from ..bop.scenes import ObjectInstance, SceneImage, read_cameras, read_scene


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
        BOPFileMissing: if the split has no scene folder.
        BOPError: if a file is damaged, or the image file names a frame that does not exist.
    """
    folder = Path(data_root) / split
    images = [image for scene in _scenes(folder) for image in read_scene(scene)]
    if selection.image_file is None:
        return images
    path = Path(data_root) / selection.image_file
    try:
        wanted = {(int(s), int(i)) for s, ids in read_json(path, dict).items() for i in ids}
    except (TypeError, ValueError) as error:
        raise BOPError(f'{path}: expected {{"<scene>": [image ids]}} ({error})') from None
    missing = wanted - {(image.scene_id, image.im_id) for image in images}
    if missing:
        raise BOPError(f"{path}: scene, image {min(missing)} is not in {folder}")
    return [image for image in images if (image.scene_id, image.im_id) in wanted]


def count_listed(data_root: Path, split: str) -> int:
    """Number of images that the scenes of a split list, on disk or not."""
    return sum(len(read_cameras(scene)) for scene in _scenes(Path(data_root) / split))


def _scenes(folder: Path) -> list[Path]:
    scenes = sorted(path.parent for path in folder.glob("*/scene_camera.json"))
    if not scenes:
        raise BOPFileMissing(f"{folder}: no <scene>/scene_camera.json below it (BOP format)")
    return scenes


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
