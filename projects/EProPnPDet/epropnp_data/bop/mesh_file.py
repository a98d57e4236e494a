"""Read a coloured mesh and refuse what cannot be rendered as meant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

UNITS = {"mm": 1e-3, "cm": 1e-2, "m": 1.0}
SMALLEST_MM = 2.0  # an object below this size (largest side) is taken for one in other units
LARGEST_MM = 20_000.0


@dataclass(frozen=True)
class MeshOptions:
    """How a mesh file is read.

    Attributes:
        unit: length unit of the file, ``mm`` in BOP.
        size_mm: wanted length of the largest side; None takes the file's own.
        up: axis of the file that points up; it becomes z.
        plain_colors: accept a mesh without colours.
        allow_holes: accept a surface that is not closed.
    """

    unit: str = "mm"
    size_mm: float | None = None
    up: str = "z"
    plain_colors: bool = False
    allow_holes: bool = False


class MeshError(ValueError):
    """A mesh that cannot be used; the message names the file and what to do."""


@dataclass(frozen=True)
class ColoredMesh:
    """Surface with colours; metres, object frame.

    Attributes:
        vertices: (V, 3).
        faces: (F, 3).
        normals: (V, 3) unit normals.
        colors: (V, 3) in [0, 1], RGB; None for a mesh without colours.
    """

    vertices: NDArray
    faces: NDArray
    normals: NDArray
    colors: NDArray | None

    @property
    def triangles(self) -> NDArray:
        """(F, 3, 3) corners of the faces."""
        return self.vertices[self.faces]

    @cached_property
    def center(self) -> NDArray:
        """(3,) middle of the bounding box."""
        return (self.vertices.min(axis=0) + self.vertices.max(axis=0)) / 2

    @cached_property
    def radius(self) -> float:
        """Largest distance of a vertex from the middle."""
        return float(np.linalg.norm(self.vertices - self.center, axis=1).max())


def read_colored_mesh(path: Path, options: MeshOptions = MeshOptions()) -> ColoredMesh:
    """Read any mesh file that trimesh knows; a texture becomes vertex colours.

    Args:
        path: PLY, OBJ, GLB, STL ...
        options: unit, size, axis and what is accepted.

    Raises:
        MeshError: no readable mesh, no colours, holes, or a size that belongs to another unit.
    """
    mesh = _load(path)
    colors = _colors(mesh)
    if colors is None and not options.plain_colors:
        raise MeshError(
            f"{path}: no colours; export the mesh with vertex colours or a texture, or render it "
            "in random plain colours (--plain-colors)"
        )
    scale = UNITS[options.unit]
    largest = float(np.ptp(mesh.vertices, axis=0).max())
    if options.size_mm is not None:
        scale = options.size_mm / 1e3 / largest
    _check_size(path, largest * scale * 1e3, options.unit)
    if not options.allow_holes:
        _check_closed(path, mesh)
    turned = np.roll(np.arange(3), 2 - "xyz".index(options.up))  # a cyclic change of axes
    return ColoredMesh(
        np.asarray(mesh.vertices, np.float64)[:, turned] * scale,
        np.asarray(mesh.faces),
        np.asarray(mesh.vertex_normals, np.float64)[:, turned],
        colors,
    )


def _load(path: Path) -> trimesh.Trimesh:
    if not Path(path).is_file():
        raise MeshError(f"{path}: no such mesh file")
    try:
        mesh = trimesh.load(path, process=False, force="mesh")
    except Exception as error:  # readers of trimesh raise whatever their format raises
        raise MeshError(f"{path}: not a readable mesh ({error}); export it again") from None
    if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
        raise MeshError(f"{path}: no faces in it; a point cloud cannot be rendered, export a mesh")
    if not np.isfinite(mesh.vertices).all():
        raise MeshError(f"{path}: vertices that are not finite; repair and export it again")
    return mesh


def _colors(mesh: trimesh.Trimesh) -> NDArray | None:
    """(V, 3) in [0, 1]; None where the file defines none."""
    visual = mesh.visual
    if visual.kind == "texture":
        visual = visual.to_color()
    if visual.kind is None:
        return None
    return np.asarray(visual.vertex_colors)[:, :3] / 255.0


def _check_size(path: Path, millimetres: float, unit: str) -> None:
    if SMALLEST_MM <= millimetres <= LARGEST_MM:
        return
    advice = "metres" if millimetres < SMALLEST_MM else "another unit"
    raise MeshError(
        f"{path}: read in {unit} its largest side is {millimetres:g} mm, which looks like "
        f"{advice}; scale the file, or say its unit (--unit {' | '.join(UNITS)}) or its size "
        "(--size MM)"
    )


def _check_closed(path: Path, mesh: trimesh.Trimesh) -> None:
    """Count edges with one face only, after merging vertices at the same place."""
    _, places = np.unique(np.asarray(mesh.vertices), axis=0, return_inverse=True)
    faces = places.reshape(-1)[mesh.faces]
    faces = faces[(faces != np.roll(faces, 1, axis=1)).all(axis=1)]
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    open_edges = int((counts == 1).sum())
    if open_edges:
        raise MeshError(
            f"{path}: the mesh has holes ({open_edges} edges with one face only), rays look into "
            "it; close them, or accept it as it is (--allow-holes)"
        )
