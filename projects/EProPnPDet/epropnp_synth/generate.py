"""Generates a whole data set: worlds, sensor files, tables; all or nothing."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from tqdm import tqdm

from epropnp_data.nuscenes.records import Keyframe, Log, Scene
from epropnp_data.nuscenes.splits import choose_scene_names
from epropnp_data.nuscenes.tables import write_tables
from epropnp_data.nuscenes.taxonomy import CAMERAS, LIDAR
from epropnp_data.staging import is_finished, staged

from .difficulty import SHARP, USUAL, Optics, Scenery
from .map_mask import write_map_mask
from .rig import Camera, nuscenes_cameras, nuscenes_lidar
from .simulate import KEYFRAME_PERIOD, Recorder
from .world import World, build_world

GENERATOR = 5  # raise it when the same settings give other files
FIRST_STAMP = 1_577_836_800_000_000  # 2020-01-01, microseconds
LATER = ("camera_pitch", "crowding", "object_scale", "marks", "noise", "blur")  # added settings
SCENE_PERIOD = 3600.0  # seconds between the starts of two scenes


@dataclass(frozen=True)
class Settings:
    """What determines the content of a data set.

    Attributes:
        version: v1.0-mini, v1.0-trainval or v1.0-test.
        scenes: number of scenes.
        samples_per_scene: keyframes per scene, two per second.
        image_scale: 1 for images of 1600 x 900.
        seed: seed of everything random.
        camera_pitch: degrees that the cameras look down.
        crowding, object_scale, marks: see `Scenery`.
        noise, blur: see `Optics`.
    """

    version: str = "v1.0-mini"
    scenes: int = 10
    samples_per_scene: int = 40
    image_scale: float = 0.28
    seed: int = 0
    camera_pitch: float = 0.0
    crowding: float = USUAL.crowding
    object_scale: float = USUAL.object_scale
    marks: bool = USUAL.marks
    noise: float = SHARP.noise
    blur: float = SHARP.blur

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """The six cameras of the vehicle.

        Raises:
            ValueError: image scale or pitch is out of range.
        """
        return nuscenes_cameras(self.image_scale, self.camera_pitch)

    @property
    def scenery(self) -> Scenery:
        """How hard the worlds are to see.

        Raises:
            ValueError: one of its numbers is out of range.
        """
        return Scenery(self.crowding, self.object_scale, self.marks)

    @property
    def optics(self) -> Optics:
        """Noise and blur of the cameras.

        Raises:
            ValueError: one of them is out of range.
        """
        return Optics(self.noise, self.blur)

    @property
    def duration(self) -> float:
        """Seconds of each scene."""
        return self.samples_per_scene * KEYFRAME_PERIOD

    @property
    def annotated(self) -> bool:
        """Whether boxes are published; those of the test split are not."""
        return self.version != "v1.0-test"


def generate(out: Path, settings: Settings, workers: int) -> bool:
    """Make the data set in ``out``; return False when it was already there.

    Files are written beside ``out`` and moved there when complete, so an interrupted run leaves
    nothing that looks finished. The result does not depend on ``workers``.

    Raises:
        ValueError: a setting is out of range.
        FileExistsError: ``out`` holds something else.
    """
    if settings.samples_per_scene < 1 or workers < 1:
        raise ValueError("samples per scene and workers must be at least 1")
    names = choose_scene_names(settings.version, settings.scenes)
    _ = settings.cameras, settings.scenery, settings.optics  # refuses bad ones before any work
    out = Path(out)
    usual = asdict(Settings())
    wanted = {"generator": GENERATOR, **asdict(settings)}
    for name in LATER:
        if wanted[name] == usual[name]:
            del wanted[name]  # sets made before there was such a setting stay valid
    if is_finished(out, wanted):
        return False
    with staged(out, wanted) as root:
        _make_folders(root)
        scenes = _record_scenes(root, settings, names, workers)
        write_tables(root, settings.version, scenes)
    return True


def _make_folders(root: Path) -> None:
    for channel in (*CAMERAS, LIDAR):
        (root / "samples" / channel).mkdir(parents=True)
    for name in ("sweeps", "maps"):
        (root / name).mkdir()


@dataclass(frozen=True)
class _Job:
    """One keyframe to record."""

    root: Path
    settings: Settings
    scene: str
    index: int


def _record_scenes(root: Path, settings: Settings, names: list[str], workers: int) -> list[Scene]:
    jobs = [
        _Job(root, settings, name, i) for name in names for i in range(settings.samples_per_scene)
    ]
    # Neighbouring keyframes go to one process, which then builds few worlds.
    chunk = max(1, min(10, settings.samples_per_scene // 2))
    progress = tqdm(
        _run(jobs, workers, chunk), total=len(jobs), desc="rendering", unit="sample", smoothing=0.05
    )
    keyframes = list(progress)
    scenes = []
    for position, name in enumerate(names):
        world = scene_world(settings.seed, name, settings.duration, settings.scenery)
        log = _log(name)
        write_map_mask(root / log.map_file, world.road)
        first = position * settings.samples_per_scene
        frames = tuple(keyframes[first : first + settings.samples_per_scene])
        scenes.append(_scene(name, log, settings, frames))
    return scenes


def _run(jobs: list[_Job], workers: int, chunk: int) -> Iterator[Keyframe]:
    if workers == 1:
        yield from map(_record, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(_record, jobs, chunksize=chunk)


def _record(job: _Job) -> Keyframe:
    settings = job.settings
    number = _scene_number(job.scene)
    recorder = Recorder(
        root=job.root,
        log_name=_log(job.scene).name,
        start=FIRST_STAMP + round(1e6 * SCENE_PERIOD) * number,
        cameras=settings.cameras,
        annotated=settings.annotated,
        seed=(settings.seed, number),
        optics=settings.optics,
    )
    world = scene_world(settings.seed, job.scene, settings.duration, settings.scenery)
    return recorder.record(world, job.index)


def _scene_number(name: str) -> int:
    """Digits of an official scene name."""
    return int(name.split("-")[1])


@lru_cache(maxsize=2)
def scene_world(seed: int, scene: str, duration: float, scenery: Scenery = USUAL) -> World:
    """World of an official scene name; it does not depend on which others exist."""
    return build_world(seed, _scene_number(scene), duration, scenery)


def _log(scene: str) -> Log:
    name = f"synthetic-{scene}"
    return Log(name, "synthetic", "2020-01-01", name, f"maps/{name}.png")  # one map per scene


def _scene(name: str, log: Log, settings: Settings, frames: tuple[Keyframe, ...]) -> Scene:
    calibrations = [camera.calibration for camera in settings.cameras]
    calibrations.append(nuscenes_lidar())
    text = f"Rendered street, seed {settings.seed}"
    return Scene(name, text, log, tuple(calibrations), frames)
