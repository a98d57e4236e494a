"""Rendered coordinate maps on disk, so that a mesh is rendered once per annotation."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path

import numpy as np

from epropnp_data.geometry.rigid import RigidPose

from ..bop.models import ObjectModel, read_object_model
from .raycast import CoordinateMap, MeshRaycaster

LEVELS = 65535  # coordinates are stored as 16 bit fractions of the object's box
MESHES_KEPT = 32


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
        model, raycaster = _load(self.models_dir, obj_id)
        key = _digest(model, pose, cam_mat, image_shape, self.pixel_center)
        path = None if self.cache_dir is None else self.cache_dir / f"{name}.npz"
        stored = None if path is None else _read(path, key, model)
        if stored is not None:
            return stored
        rendered = raycaster.render(pose, cam_mat, image_shape, self.pixel_center)
        if path is not None:
            _write(path, key, rendered, model)
        return rendered


@lru_cache(maxsize=MESHES_KEPT)
def _load(models_dir: Path, obj_id: int) -> tuple[ObjectModel, MeshRaycaster]:
    model = read_object_model(models_dir, obj_id)
    return model, MeshRaycaster(model.vertices, model.faces)


def _digest(
    model: ObjectModel,
    pose: RigidPose,
    cam_mat: np.ndarray,
    image_shape: tuple[int, int],
    pixel_center: float,
) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    for part in (*pose, cam_mat, np.array([*image_shape, pixel_center]), model.vertices):
        digest.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
    return digest.hexdigest()


def _bounds(model: ObjectModel) -> tuple[np.ndarray, np.ndarray]:
    return model.vertices.min(axis=0), np.maximum(np.ptp(model.vertices, axis=0), 1e-9)


def _read(path: Path, key: str, model: ObjectModel) -> CoordinateMap | None:
    if not path.is_file():
        return None
    with np.load(path) as stored:
        if str(stored["key"]) != key:
            return None
        low, size = _bounds(model)
        hit = stored["hit"]
        coords = np.where(hit[..., None], stored["levels"] / LEVELS * size + low, 0)
        left, top = stored["corner"]
    return CoordinateMap(int(left), int(top), coords.astype(np.float32), hit)


def _write(path: Path, key: str, item: CoordinateMap, model: ObjectModel) -> None:
    low, size = _bounds(model)
    levels = np.rint((item.coords - low) / size * LEVELS).clip(0, LEVELS).astype(np.uint16)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.npz")
    np.savez_compressed(partial, key=key, corner=(item.left, item.top), levels=levels, hit=item.hit)
    partial.replace(path)
