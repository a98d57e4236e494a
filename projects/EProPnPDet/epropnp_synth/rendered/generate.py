"""Write the data set: parallel, resumable, the same for any number of processes."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from epropnp_data.bop.json_file import write_json
from epropnp_data.staging import (
    MARKER,
    clear,
    is_finished,
    publish,
    settings_of,
    unfinished,
)

from ..bop.writer import DEPTH_SCALE, SceneWriter
from .backgrounds import Backgrounds
from .model_set import ModelSet
from .scene import Stage, render_scene
from .settings import RenderSettings
from .surfaces import clutter_surfaces, make_surface

GENERATOR = 1  # raise it when the images change
IMAGES_PER_SCENE = 25  # what an interrupted run loses at most, per process
SPLITS = ("train_rendered", "val_rendered")


@dataclass(frozen=True)
class Inputs:
    """What a process needs to render.

    Attributes:
        models: what is rendered.
        clutter: meshes of one's own among the clutter, if any.
        photographs: backgrounds.
        settings: everything else.
    """

    models: ModelSet
    clutter: ModelSet | None
    photographs: list[Path]
    settings: RenderSettings

    def record(self) -> dict:
        """What decides the images, for the marker of the folder."""
        return {
            "generator": GENERATOR,
            "models": self.models.digest,
            "clutter": None if self.clutter is None else self.clutter.digest,
            "photographs": [path.name for path in self.photographs],
            **asdict(self.settings),
        }


@dataclass(frozen=True)
class _Unit:
    """Images of one scene folder."""

    split: str
    scene_id: int
    im_ids: range


def generate_scenes(out: Path, inputs: Inputs, workers: int = 1, progress: bool = False) -> bool:
    """Render the data set; False if the same is there already.

    Scenes are written beside ``out`` and kept when a run is interrupted; a second run with the same
    inputs goes on with the missing ones. Every image draws from a generator of its own, so the
    number of processes changes nothing.

    Args:
        out: ``<root>/<dataset>``.
        inputs: what to render.
        workers: processes.
        progress: show a bar.

    Raises:
        FileExistsError: if ``out`` holds something else.
    """
    record = json.loads(json.dumps(inputs.record()))
    if is_finished(out, record):
        return False
    with unfinished(out) as partial:
        _render(partial, record, inputs, workers, progress)
        publish(partial, out)
    return True


def _render(partial: Path, record: dict, inputs: Inputs, workers: int, progress: bool) -> None:
    _keep_if_made_with(partial, record)
    inputs.models.write(partial / "models")
    inputs.models.write(partial / "models_eval")
    camera = asdict(inputs.settings.camera) | {"depth_scale": DEPTH_SCALE}
    write_json(partial / "camera.json", camera)
    units = list(_units(inputs.settings))
    todo = [unit for unit in units if not _folder(partial, unit).is_dir()]
    with tqdm(total=sum(len(u.im_ids) for u in units), disable=not progress, unit="image") as bar:
        bar.update(sum(len(unit.im_ids) for unit in units if unit not in todo))
        for done in _run(todo, inputs, partial, workers):
            bar.update(done)


def _keep_if_made_with(partial: Path, record: dict) -> None:
    """Remove unfinished work of other inputs."""
    if settings_of(partial) != record:
        clear(partial)
    write_json(partial / MARKER, record)


def _units(settings: RenderSettings) -> Iterator[_Unit]:
    scene_id = 0
    for split, count in zip(SPLITS, (settings.num_train, settings.num_val), strict=True):
        for start in range(0, count, IMAGES_PER_SCENE):
            yield _Unit(split, scene_id, range(min(IMAGES_PER_SCENE, count - start)))
            scene_id += 1


def _folder(root: Path, unit: _Unit) -> Path:
    return root / unit.split / f"{unit.scene_id:06d}"


def _run(units: list[_Unit], inputs: Inputs, root: Path, workers: int) -> Iterator[int]:
    """Render units, the number of images of each as it ends."""
    if workers <= 1:
        _start_worker(inputs, root)
        yield from map(_render_unit, units)
        return
    with multiprocessing.Pool(workers, _start_worker, (inputs, root)) as pool:
        yield from pool.imap_unordered(_render_unit, units)


_worker: tuple[Stage, RenderSettings, Path] | None = None


def _start_worker(inputs: Inputs, root: Path) -> None:
    global _worker  # a process of the pool has no other place between its units
    cv2.setNumThreads(1)
    surfaces = {i: make_surface(mesh) for i, mesh in inputs.models.meshes.items()}
    extra = [] if inputs.clutter is None else list(inputs.clutter.meshes.values())
    stage = Stage(surfaces, clutter_surfaces(extra), Backgrounds(inputs.photographs))
    _worker = stage, inputs.settings, root


def _render_unit(unit: _Unit) -> int:
    stage, settings, root = _worker
    folder = _folder(root, unit)
    unfinished = folder.with_name(folder.name + ".partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    writer = SceneWriter(unfinished, suffix=".jpg")
    for im_id in unit.im_ids:
        rng = np.random.default_rng([settings.seed, unit.scene_id, im_id])
        scene = render_scene(stage, settings, rng)
        writer.add(im_id, scene.view, scene.obj_ids, scene.poses, settings.camera.cam_mat)
    writer.close()
    unfinished.rename(folder)
    return len(unit.im_ids)
