"""Rendered coordinate maps on disk, so that a mesh is rendered once per annotation."""

import hashlib
import zipfile
import zlib
from contextlib import nullcontext
from functools import lru_cache, partial
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from epropnp_data.geometry.rigid import RigidPose
from epropnp_data.images.reading import read_image
from epropnp_data.whole_file import part_of, remove_left_parts

from ..bop.models import ObjectModel, read_object_model
from ..bop.scenes import read_scene
from .raycast import CoordinateMap, MeshRaycaster

LEVELS = 65535  # coordinates are stored as 16 bit fractions of the object's box
MESHES_KEPT = 32
MAX_SYMMETRIES = 64
DAMAGED_ARCHIVE = (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile)
DAMAGED_ARCHIVE += (zlib.error,)  # RuntimeError: encrypted, or packed in an unknown way
CACHE_DIR = "coordinates"  # below the data set's folder


class Mesh(NamedTuple):
    """A model with what every one of its maps needs.

    Attributes:
        model: vertices and symmetries, metres.
        raycaster: renders it.
        low, size: corner and extent (3,) of its box, metres.
        digest: SHA-1 of the vertices.
    """

    model: ObjectModel
    raycaster: MeshRaycaster
    low: np.ndarray
    size: np.ndarray
    digest: bytes


class CoordinateCache:
    """Coordinate maps of annotations, rendered on demand.

    Args:
        models_dir: folder with ``models_info.json`` and meshes.
        cache_dir: where maps are kept; None renders every time.
        pixel_center: coordinate of the first pixel's centre in the convention of the intrinsics.
    """

    def __init__(self, models_dir: Path, cache_dir: Path | None, pixel_center: float = 0.0) -> None:
        self.models_dir = Path(models_dir)
        self.cache_dir = None if cache_dir is None else Path(cache_dir)
        self.pixel_center = pixel_center

    def has_mesh(self, obj_id: int) -> bool:
        """Whether the object can be rendered."""
        return (self.models_dir / f"obj_{obj_id:06d}.ply").is_file()

    def symmetries(self, obj_id: int) -> np.ndarray:
        """Transforms (S, 4, 4), metres, that leave the object unchanged, the identity first.

        Of a continuous symmetry every few degrees: `MAX_SYMMETRIES` in all at most.
        """
        known = _load(self.models_dir, obj_id).model.symmetries
        kept = known[:: -(-len(known) // MAX_SYMMETRIES)]
        matrices = np.tile(np.eye(4), (len(kept), 1, 1))
        matrices[:, :3, :3] = [symmetry.rotation for symmetry in kept]
        matrices[:, :3, 3] = [symmetry.translation for symmetry in kept]
        return matrices

    def get(
        self,
        name: str,
        obj_id: int,
        pose: RigidPose,
        cam_mat: np.ndarray,
        image_shape: tuple[int, int],
    ) -> CoordinateMap:
        """Map of one annotation.

        Args:
            name: relative file name without suffix, unique to the annotation. A stored map of
                another pose, camera or mesh is rendered again.
            obj_id: object.
            pose: object to camera.
            cam_mat: (3, 3).
            image_shape: height and width.
        """
        mesh = _load(self.models_dir, obj_id)
        key = _digest(mesh, pose, cam_mat, image_shape, self.pixel_center)
        path = None if self.cache_dir is None else self.cache_dir / f"{name}.npz"
        stored = None if path is None else _read(path, key, mesh)
        if stored is not None:
            return stored
        rendered = mesh.raycaster.render(pose, cam_mat, image_shape, self.pixel_center)
        if path is None:
            return rendered
        levels = _levels(rendered, mesh)
        _write(path, key, rendered, levels)
        return rendered._replace(coords=_coords(levels, rendered.hit, mesh))  # as it is read again


@lru_cache(maxsize=MESHES_KEPT)
def _load(models_dir: Path, obj_id: int) -> Mesh:
    model = read_object_model(models_dir, obj_id)
    vertices = model.vertices
    low, size = vertices.min(axis=0), np.maximum(np.ptp(vertices, axis=0), 1e-9)
    content = np.ascontiguousarray(vertices, dtype=np.float64).tobytes()
    digest = hashlib.sha1(content, usedforsecurity=False).digest()
    return Mesh(model, MeshRaycaster(vertices, model.faces), low, size, digest)


def _digest(
    mesh: Mesh,
    pose: RigidPose,
    cam_mat: np.ndarray,
    image_shape: tuple[int, int],
    pixel_center: float,
) -> str:
    digest = hashlib.sha1(mesh.digest, usedforsecurity=False)
    for part in (*pose, cam_mat, np.array([*image_shape, pixel_center])):
        digest.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
    return digest.hexdigest()


def _read(path: Path, key: str, mesh: Mesh) -> CoordinateMap | None:
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                return None
            hit, levels, (left, top) = stored["hit"], stored["levels"], stored["corner"]
    except DAMAGED_ARCHIVE:
        return None  # damaged: it is rendered and written again
    return CoordinateMap(int(left), int(top), _coords(levels, hit, mesh), hit)


def _levels(item: CoordinateMap, mesh: Mesh) -> np.ndarray:
    fractions = (item.coords - mesh.low) / mesh.size
    return np.rint(fractions * LEVELS).clip(0, LEVELS).astype(np.uint16)


def _coords(levels: np.ndarray, hit: np.ndarray, mesh: Mesh) -> np.ndarray:
    coords = np.where(hit[..., None], levels / LEVELS * mesh.size + mesh.low, 0)
    return coords.astype(np.float32)


def _write(path: Path, key: str, item: CoordinateMap, levels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = dict(key=key, corner=(item.left, item.top), levels=levels, hit=item.hit)
    part = part_of(path)
    with part.open("wb") as file:
        np.savez_compressed(file, **arrays)
    part.replace(path)


def fill_coordinates(
    data_root: Path,
    split: str,
    workers: int = 1,
    progress: bool = False,
    models_dir: str = "models",
) -> int:
    """Render the coordinate maps of a split ahead of training; what is there is kept.

    Half-written maps that a killed process left are removed.

    Args:
        data_root: ``<root>/<dataset>``.
        split: folder of the scenes.
        workers: processes.
        progress: show a bar.
        models_dir: folder with the meshes.

    Returns:
        Number of annotations.
    """
    remove_left_parts(Path(data_root) / CACHE_DIR / split)
    scenes = sorted(path.parent for path in (Path(data_root) / split).glob("*/scene_camera.json"))
    job = partial(_fill_scene, Path(data_root), models_dir)
    with Pool(workers) if workers > 1 else nullcontext() as pool:
        counts = pool.imap_unordered(job, scenes) if pool else map(job, scenes)
        bar = tqdm(counts, desc=f"coordinates of {split}", total=len(scenes), disable=not progress)
        return sum(bar)


def _fill_scene(data_root: Path, models_dir: str, scene: Path) -> int:
    maps = CoordinateCache(data_root / models_dir, data_root / CACHE_DIR)
    count = 0
    for image in read_scene(scene):
        shape = None
        for instance in image.instances:
            if instance.visib_fract > 0 and maps.has_mesh(instance.obj_id):
                shape = shape or read_image(image.path, cv2.IMREAD_GRAYSCALE).shape
                name = map_name(image.path, instance.gt_index)
                maps.get(name, instance.obj_id, instance.pose, image.cam_mat, shape)
                count += 1
    return count


def map_name(image_path: Path, gt_index: int) -> str:
    """Name of an annotation's map: split, scene, image and index."""
    scene = image_path.parent.parent
    return f"{scene.parent.name}/{scene.name}/{image_path.stem}_{gt_index:06d}"
