"""The models that are rendered: a BOP folder, or meshes of one's own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import trimesh

from epropnp_data.bop.json_file import write_json
from epropnp_data.bop.mesh_file import ColoredMesh, MeshError, MeshOptions, read_colored_mesh
from epropnp_data.bop.model_info import model_info

MM = 1000.0
MESH_SUFFIXES = {".ply", ".obj", ".stl", ".glb", ".gltf", ".off"}


@dataclass(frozen=True)
class ModelSet:
    """Meshes by object id, their ``models_info.json``, and a digest of it all."""

    meshes: dict[int, ColoredMesh]
    infos: dict[int, dict]
    digest: str

    def write(self, folder: Path) -> None:
        """Write meshes (vertex colours) and info file, millimetres."""
        folder.mkdir(parents=True, exist_ok=True)
        for obj_id, mesh in self.meshes.items():
            item = trimesh.Trimesh(mesh.vertices * MM, mesh.faces, process=False)
            if mesh.colors is not None:
                item.visual.vertex_colors = np.rint(mesh.colors * 255).astype(np.uint8)
            item.export(folder / f"obj_{obj_id:06d}.ply", encoding="binary")
        write_json(folder / "models_info.json", self.infos)


def read_model_set(source: Path, options: MeshOptions = MeshOptions()) -> ModelSet:  # noqa: B008 - frozen
    """Read a BOP models folder, any folder of meshes, or one mesh file.

    A BOP folder (with ``models_info.json``) keeps ids, frames and symmetries. Other meshes count
    from 1 in the order of their names; each is moved so that its box is centred, and its size and
    symmetries are computed.

    Args:
        source: folder or file.
        options: how meshes are read; unit, size and axis are those of meshes outside a BOP folder.
            Meshes without colours get random ones in each image.

    Raises:
        MeshError: naming the file and what to do.
    """
    source = Path(source)
    info_file = source / "models_info.json"
    if info_file.is_file():
        infos = {int(key): value for key, value in json.loads(info_file.read_text()).items()}
        paths = {i: source / f"obj_{i:06d}.ply" for i in infos}
        as_given = replace(options, unit="mm", size_mm=None, up="z")
        meshes = {i: read_colored_mesh(path, as_given) for i, path in paths.items()}
        for obj_id, mesh in meshes.items():
            _check_size(paths[obj_id], mesh, infos[obj_id])
    else:
        paths = dict(enumerate(_mesh_files(source), start=1))
        meshes = {i: _centered(read_colored_mesh(p, options)) for i, p in paths.items()}
        infos = {
            i: model_info(mesh.vertices, mesh.faces) | {"name": paths[i].stem}
            for i, mesh in meshes.items()
        }
    return ModelSet(meshes, infos, _digest(meshes, infos))


def _mesh_files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    paths = [p for p in sorted(source.glob("*")) if p.suffix.lower() in MESH_SUFFIXES]
    if not paths:
        kinds = ", ".join(sorted(MESH_SUFFIXES))
        raise MeshError(f"{source}: neither a mesh nor a folder with meshes ({kinds})")
    return paths


def _check_size(path: Path, mesh: ColoredMesh, info: dict) -> None:
    """Refuse a mesh whose size is not that of its info entry."""
    found = float(np.ptp(mesh.vertices, axis=0).max() * MM)
    listed = max(info[f"size_{axis}"] for axis in "xyz")
    if not 0.9 < found / listed < 1.1:
        raise MeshError(
            f"{path}: its largest side is {found:g} mm, models_info.json says {listed:g}; "
            "both have to be in millimetres"
        )


def _centered(mesh: ColoredMesh) -> ColoredMesh:
    return ColoredMesh(mesh.vertices - mesh.center, mesh.faces, mesh.normals, mesh.colors)


def _digest(meshes: dict[int, ColoredMesh], infos: dict[int, dict]) -> str:
    digest = hashlib.sha256(json.dumps(infos, sort_keys=True).encode())
    for mesh in meshes.values():
        for part in (mesh.vertices, mesh.faces, mesh.colors):
            digest.update(b"" if part is None else np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]
