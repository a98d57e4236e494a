"""Colours and normals of surface points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from epropnp_data.bop.mesh_file import ColoredMesh
from epropnp_data.bop.object_view import ObjectCaster

from ..bop.color_field import random_color_field
from ..bop.objects import OBJECT_BUILDERS, build_object

Paint = Callable[[NDArray], NDArray]
PLAIN = 0.4  # share of clutter in one colour
CLUTTER_WAVELENGTH = (0.15, 1.5)  # of a radius of 1


@dataclass(frozen=True)
class Surface:
    """A mesh that can be cast and shaded; object frame.

    Attributes:
        mesh: surface.
        caster: the same for rays.
    """

    mesh: ColoredMesh
    caster: ObjectCaster

    def interpolate(self, values: NDArray, points_obj: NDArray, triangles: NDArray) -> NDArray:
        """Values (V, C) of the vertices at points (N, 3) in triangles (N,), (N, C)."""
        corners = self.mesh.faces[triangles]
        weights = trimesh.triangles.points_to_barycentric(self.mesh.vertices[corners], points_obj)
        weights = np.nan_to_num(weights).clip(0, 1)  # slivers
        return np.einsum("nk,nkc->nc", weights, values[corners])


def make_surface(mesh: ColoredMesh) -> Surface:
    """Surface of a mesh."""
    return Surface(mesh, ObjectCaster(mesh.triangles))


def clutter_surfaces(extra: list[ColoredMesh]) -> list[Surface]:
    """Things that are no targets: simple solids, the procedural objects, meshes of one's own.

    Each is scaled to a radius of 1 about the origin.
    """
    solids = [
        trimesh.creation.box(extents=(1, 1, 1)),
        trimesh.creation.box(extents=(1.6, 1, 0.3)),
        trimesh.creation.cylinder(radius=0.4, height=1.4, sections=48),
        trimesh.creation.cylinder(radius=0.9, height=0.3, sections=48),
        trimesh.creation.cone(radius=0.7, height=1.2, sections=48),
        trimesh.creation.icosphere(subdivisions=3),
        trimesh.creation.capsule(radius=0.35, height=1.0),
        trimesh.creation.torus(major_radius=0.7, minor_radius=0.22),
        trimesh.creation.annulus(r_min=0.6, r_max=0.7, height=0.9),
    ]
    solids += [build_object(name, seed=0).mesh for name in sorted(OBJECT_BUILDERS)]
    meshes = [
        ColoredMesh(np.asarray(m.vertices), np.asarray(m.faces), _face_normals(m), None)
        for m in (_split_vertices(solid) for solid in solids)
    ]
    return [make_surface(_unit(mesh)) for mesh in [*meshes, *extra]]


def random_paint(rng: np.random.Generator, radius: float) -> Paint:
    """One colour, or a random field of colours, for a thing of this radius."""
    if rng.random() < PLAIN:
        color = rng.uniform(0.05, 0.95, size=3)
        return lambda points: np.broadcast_to(color, points.shape)
    return random_color_field(rng, radius * rng.uniform(*CLUTTER_WAVELENGTH))


def _split_vertices(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Every face with corners of its own, so that edges stay sharp."""
    corners = np.asarray(mesh.triangles).reshape(-1, 3)
    return trimesh.Trimesh(corners, np.arange(len(corners)).reshape(-1, 3), process=False)


def _face_normals(mesh: trimesh.Trimesh) -> NDArray:
    triangles = np.asarray(mesh.triangles)
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return np.repeat(normals, 3, axis=0)


def _unit(mesh: ColoredMesh) -> ColoredMesh:
    vertices = (mesh.vertices - mesh.center) / mesh.radius
    return ColoredMesh(vertices, mesh.faces, mesh.normals, mesh.colors)
