"""Generates photographs of streets; all or nothing."""

from __future__ import annotations

import multiprocessing
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from epropnp_data.staging import is_finished, staged

from ..world import World, build_world
from . import custom_layout, kitti_layout
from .photo import Photo, take_photo

GENERATOR = 1  # raise it when the same settings give other files
PHOTOS_PER_WORLD = 10
PERIOD = 1.5  # seconds between the photographs of a world
FIRST_WORLD = 5000  # numbers of worlds that no scene of the nuScenes layout has
LAYOUTS = ("custom", "kitti")
_CAMERAS = {"custom": custom_layout.custom_cameras, "kitti": kitti_layout.kitti_cameras}
_MODULES = {"custom": custom_layout, "kitti": kitti_layout}


@dataclass(frozen=True)
class StreetSettings:
    """What determines the content of a data set.

    Attributes:
        layout: "custom" or "kitti".
        train: moments for training, with an image per camera.
        val: moments for validation, in other streets.
        image_scale: 1 for images as large as real ones.
        seed: seed of everything random.
    """

    layout: str
    train: int = 200
    val: int = 50
    image_scale: float = 0.3
    seed: int = 0


class _Job(NamedTuple):
    root: Path
    settings: StreetSettings
    number: int
    place: tuple[int, int]  # number of the world, index of the moment in it


def generate_street(out: Path, settings: StreetSettings, workers: int = 1) -> bool:
    """Make the data set in ``out``; return False when it was already there.

    The result does not depend on ``workers``.

    Raises:
        ValueError: a setting is out of range.
        FileExistsError: ``out`` holds something else.
    """
    if settings.layout not in LAYOUTS:
        raise ValueError(f"layout is {settings.layout!r}, expected one of {LAYOUTS}")
    if min(settings.train, settings.val, workers) < 1 or not 0 < settings.image_scale <= 2:
        raise ValueError("train, val and workers must be at least 1, image scale in (0, 2]")
    out, wanted = Path(out), {"generator": f"street {GENERATOR}", **asdict(settings)}
    if is_finished(out, wanted):
        return False
    with staged(out, wanted) as root:
        _write(root, settings, workers)
    return True


def _write(root: Path, settings: StreetSettings, workers: int) -> None:
    cameras, module = _CAMERAS[settings.layout](settings.image_scale), _MODULES[settings.layout]
    jobs, first_of = [], {}
    world = FIRST_WORLD
    for split, count in (("train", settings.train), ("val", settings.val)):
        first_of[split] = len(jobs)
        for index in range(count):
            place = (world + index // PHOTOS_PER_WORLD, index % PHOTOS_PER_WORLD)
            jobs.append(_Job(root, settings, len(jobs), place))
        world += -(-count // PHOTOS_PER_WORLD)
    for camera in cameras:
        (root / module.image_name(0, camera)).parent.mkdir(parents=True)
    photos = list(tqdm(_run(jobs, workers), total=len(jobs), desc="rendering", unit="moment"))
    splits = {"train": photos[: first_of["val"]], "val": photos[first_of["val"] :]}
    numbered = {
        split: [
            (first_of[split] + index, camera, photo)
            for index, moment in enumerate(items)
            for camera, photo in zip(cameras, moment, strict=True)
        ]
        for split, items in splits.items()
    }
    module.write_annotations(root, numbered)


def _run(jobs: list[_Job], workers: int):
    if workers == 1:
        yield from map(_photograph, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(_photograph, jobs, chunksize=PHOTOS_PER_WORLD // 2)


def _photograph(job: _Job) -> list[Photo]:
    """Write the images of a moment; returns what they show, without pixels."""
    settings, (world, index) = job.settings, job.place
    module, photos = _MODULES[settings.layout], []
    for camera in _CAMERAS[settings.layout](settings.image_scale):
        rng = np.random.default_rng([settings.seed, job.number, len(photos)])
        photo = take_photo(_world(settings.seed, world), camera, index * PERIOD, rng)
        path = job.root / module.image_name(job.number, camera)
        if not cv2.imwrite(str(path), photo.image[:, :, ::-1]):
            raise RuntimeError(f"cv2 cannot write {path}")
        photos.append(photo._replace(image=np.zeros((0, 0, 3), np.uint8)))
    return photos


@lru_cache(maxsize=2)
def _world(seed: int, number: int) -> World:
    return build_world(seed, number, PHOTOS_PER_WORLD * PERIOD)
