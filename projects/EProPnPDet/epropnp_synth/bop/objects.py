"""Procedural objects of about ten centimetres: mesh, texture and symmetries."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from .color_field import random_color_field

WAVELENGTH = 0.09  # metres; about one period over an object keeps colours distinctive


@dataclass(frozen=True)
class SyntheticObject:
    """One object.

    Attributes:
        name: of its builder.
        mesh: surface, metres, centred on its bounding box.
        color: colours (N, 3) in [0, 1] of surface points (N, 3).
        symmetries: ``symmetries_discrete`` / ``symmetries_continuous`` as in ``models_info.json``.
    """

    name: str
    mesh: trimesh.Trimesh
    color: Callable[[NDArray], NDArray]
    symmetries: dict

    @property
    def triangles(self) -> NDArray:
        """(T, 3, 3) corners of the faces."""
        return np.asarray(self.mesh.triangles)

    @property
    def diameter(self) -> float:
        """Largest distance between two vertices."""
        hull = self.mesh.convex_hull.vertices
        return float(np.linalg.norm(hull[:, None] - hull[None], axis=-1).max())


def build_object(name: str, seed: int) -> SyntheticObject:
    """Build an object by its name; the seed decides its colours.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in OBJECT_BUILDERS:
        raise ValueError(f"object {name!r}: use one of {sorted(OBJECT_BUILDERS)}")
    builder, fold, symmetries = OBJECT_BUILDERS[name]
    mesh = builder()
    mesh.apply_translation(-mesh.bounds.mean(axis=0))
    field = random_color_field(np.random.default_rng([seed, len(name), *name.encode()]), WAVELENGTH)
    return SyntheticObject(name, mesh, lambda points: field(fold(points)), symmetries)


def _house() -> trimesh.Trimesh:
    """Box with a one-sided roof and a chimney."""
    body = _box((0.09, 0.06, 0.05), (0, 0, 0.025))
    gable = ((-0.035, 0.05), (0.035, 0.05), (0.01, 0.085))
    roof = trimesh.convex.convex_hull([(x, y, z) for x in (-0.05, 0.05) for y, z in gable])
    chimney = _box((0.016, 0.016, 0.045), (0.028, -0.012, 0.08))
    return _join(body, roof, chimney)


def _bird() -> trimesh.Trimesh:
    """Ellipsoid body, round head, beak and tail."""
    body = _ellipsoid((0.045, 0.03, 0.03), (0, 0, 0.03))
    head = _ellipsoid((0.022, 0.02, 0.022), (0.035, 0, 0.068))
    beak = trimesh.creation.cone(radius=0.009, height=0.03, sections=16)
    beak.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, (0, 1, 0)))
    beak.apply_translation((0.052, 0, 0.066))
    tail = _box((0.03, 0.024, 0.008), (-0.05, 0, 0.045))
    return _join(body, head, beak, tail)


def _bracket() -> trimesh.Trimesh:
    """L profile with a pin on one arm and a rib."""
    pin = trimesh.creation.cylinder(radius=0.012, height=0.04, sections=24)
    pin.apply_translation((0.03, 0.012, 0.03))
    return _join(
        _box((0.1, 0.06, 0.014), (0, 0, 0.007)),
        _box((0.014, 0.06, 0.075), (-0.043, 0, 0.0375)),
        _box((0.05, 0.01, 0.03), (-0.015, -0.022, 0.028)),
        pin,
    )


def _can() -> trimesh.Trimesh:
    """Cylinder: turns about z do not change it."""
    return trimesh.creation.cylinder(radius=0.032, height=0.09, sections=64)


def _brick() -> trimesh.Trimesh:
    """Box: half a turn about z does not change it."""
    return _box((0.1, 0.05, 0.03), (0, 0, 0.015))


def _fold_turn(points: NDArray) -> NDArray:
    """Points moved to the half plane y = 0, x > 0 about z."""
    radius = np.linalg.norm(points[:, :2], axis=1)
    return np.stack((radius, np.zeros_like(radius), points[:, 2]), axis=1)


def _fold_half_turn(points: NDArray) -> NDArray:
    """Of the two points that half a turn about z swaps, the one with positive x."""
    sign = np.where(points[:, :1] < 0, -1.0, 1.0)
    return np.concatenate((points[:, :2] * sign, points[:, 2:]), axis=1)


def _identity(points: NDArray) -> NDArray:
    return points


def _box(size: tuple, center: tuple) -> trimesh.Trimesh:
    mesh = trimesh.creation.box(extents=size)
    mesh.apply_translation(center)
    return mesh


def _ellipsoid(radii: tuple, center: tuple) -> trimesh.Trimesh:
    mesh = trimesh.creation.icosphere(subdivisions=3)
    mesh.apply_scale(radii)
    mesh.apply_translation(center)
    return mesh


def _join(*parts: trimesh.Trimesh) -> trimesh.Trimesh:
    return trimesh.util.concatenate(parts)


HALF_TURN = np.diag([-1.0, -1.0, 1.0, 1.0]).ravel().tolist()
OBJECT_BUILDERS: dict[str, tuple[Callable, Callable, dict]] = {
    "house": (_house, _identity, {}),
    "bird": (_bird, _identity, {}),
    "bracket": (_bracket, _identity, {}),
    "can": (
        _can,
        _fold_turn,
        {"symmetries_continuous": [{"axis": [0, 0, 1], "offset": [0, 0, 0]}]},
    ),
    "brick": (_brick, _fold_half_turn, {"symmetries_discrete": [HALF_TURN]}),
}
