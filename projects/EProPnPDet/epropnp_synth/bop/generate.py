"""Generate a whole data set: models, training and test images."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from epropnp_data.bop.json_file import write_json
from epropnp_data.staging import is_finished, staged

from .objects import SyntheticObject, build_object
from .poses import ViewRange, random_poses
from .render import random_backdrop, render_view
from .writer import SceneWriter, write_models

TARGET_MIN_VISIBILITY = 0.1  # as in the BOP target lists
GENERATOR = 3  # raise it when the images change
SPLITS = ("train", "test")


@dataclass(frozen=True)
class SyntheticBOPSettings:
    """What is generated.

    Attributes:
        objects: names of the objects, ids count from 1.
        num_train: training images; every image shows every object.
        num_test: held-out images.
        image_size: width and height.
        focal: focal length, pixels.
        seed: decides everything.
        view: poses that are drawn.
    """

    objects: tuple[str, ...] = ("house", "bird", "bracket")
    num_train: int = 800
    num_test: int = 40
    image_size: tuple[int, int] = (320, 240)
    focal: float = 400.0
    seed: int = 0
    view: ViewRange = field(default_factory=ViewRange)

    @property
    def cam_mat(self) -> np.ndarray:
        """(3, 3) intrinsics, principal point in the middle, integer pixel centres."""
        width, height = self.image_size
        return np.array(
            [[self.focal, 0, (width - 1) / 2], [0, self.focal, (height - 1) / 2], [0, 0, 1]]
        )


def generate_bop(root: Path, settings: SyntheticBOPSettings, progress: bool = False) -> bool:
    """Write the data set below ``root``, unless the same one is there already.

    The data set is built beside ``root`` and renamed, so an interrupted run leaves nothing.

    Args:
        root: ``<root>/<dataset>``.
        settings: what to generate.
        progress: show a bar.

    Returns:
        Whether anything was generated.

    Raises:
        FileExistsError: if ``root`` holds something else.
    """
    root = Path(root)
    wanted = {"generator": GENERATOR, **asdict(settings)}
    if is_finished(root, wanted):
        return False
    with staged(root, wanted) as partial:
        _write_dataset(partial, settings, progress)
    return True


def _write_dataset(root: Path, settings: SyntheticBOPSettings, progress: bool) -> None:
    objects = {
        obj_id: build_object(name, settings.seed)
        for obj_id, name in enumerate(settings.objects, start=1)
    }
    write_models(root / "models", objects)
    write_models(root / "models_eval", objects)
    _write_camera(root, settings)
    for scene_id, (split, count) in enumerate(
        zip(SPLITS, (settings.num_train, settings.num_test), strict=True), start=1
    ):
        scene = _write_scene(root, split, scene_id, count, settings, objects, progress)
        if split == "test":
            targets = scene.targets(TARGET_MIN_VISIBILITY)
            write_json(root / "test_targets_bop19.json", targets)
            detections = scene.detections(TARGET_MIN_VISIBILITY)
            write_json(root / "test_detections.json", detections)


def _write_scene(
    root: Path,
    split: str,
    scene_id: int,
    count: int,
    settings: SyntheticBOPSettings,
    objects: dict[int, SyntheticObject],
    progress: bool,
) -> SceneWriter:
    scene = SceneWriter(root / split / f"{scene_id:06d}")
    width, height = settings.image_size
    cam_mat = settings.cam_mat
    for im_id in tqdm(range(count), desc=split, disable=not progress):
        rng = np.random.default_rng([settings.seed, scene_id, im_id])
        poses = random_poses(rng, len(objects), settings.view, cam_mat, settings.image_size)
        backdrop = random_backdrop(rng, (height, width))
        view = render_view(list(objects.values()), poses, cam_mat, backdrop, rng)
        scene.add(im_id, view, list(objects), poses, cam_mat)
    scene.close()
    return scene


def _write_camera(root: Path, settings: SyntheticBOPSettings) -> None:
    cam_mat = settings.cam_mat
    width, height = settings.image_size
    write_json(
        root / "camera.json",
        {
            "width": width,
            "height": height,
            "fx": cam_mat[0, 0],
            "fy": cam_mat[1, 1],
            "cx": cam_mat[0, 2],
            "cy": cam_mat[1, 2],
            "depth_scale": 0.1,
        },
    )
