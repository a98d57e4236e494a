"""Triangle meshes with one material per triangle, and the simple parts shapes are made of."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

PLAIN, FACADE, LEAVES = 0, 1, 2  # values of Material.texture


@dataclass(frozen=True)
class Material:
    """Look of a surface.

    Attributes:
        color: linear RGB in [0, 1].
        gloss: share of mirrored sky when looked at straight on.
        glow: share of the colour that shines without sun.
        texture: PLAIN, FACADE (rows of windows) or LEAVES (speckled).
    """

    color: tuple[float, float, float]
    gloss: float = 0.0
    glow: float = 0.0
    texture: int = PLAIN


@dataclass(frozen=True)
class Mesh:
    """Triangles in the frame of their object; the order of their corners has no meaning.

    Attributes:
        triangles: (T, 3, 3) corners, metres.
        colors: (T, 3) linear RGB.
        surface: (T, 3) gloss, glow, texture of each triangle.
    """

    triangles: NDArray
    colors: NDArray = field(repr=False)
    surface: NDArray = field(repr=False)

    @property
    def bounds(self) -> NDArray:
        """Smallest and largest corner, (2, 3)."""
        points = self.triangles.reshape(-1, 3)
        return np.stack([points.min(0), points.max(0)])

    def moved(self, offset: Sequence[float]) -> Mesh:
        """The same mesh shifted by ``offset`` (3,)."""
        return Mesh(self.triangles + np.asarray(offset, float), self.colors, self.surface)


def paint(triangles: NDArray, material: Material) -> Mesh:
    """Give all triangles (T, 3, 3) one material."""
    count = len(triangles)
    surface = (material.gloss, material.glow, float(material.texture))
    return Mesh(
        np.asarray(triangles, float),
        np.tile(np.asarray(material.color, float), (count, 1)),
        np.tile(np.asarray(surface), (count, 1)),
    )


def join(parts: Iterable[Mesh]) -> Mesh:
    """One mesh of several."""
    meshes = list(parts)
    return Mesh(
        np.concatenate([m.triangles for m in meshes]),
        np.concatenate([m.colors for m in meshes]),
        np.concatenate([m.surface for m in meshes]),
    )


def fit_to_box(mesh: Mesh, size_lwh: Sequence[float], margin: float = 0.01) -> Mesh:
    """Stretch a mesh so that it fills a centred box, ``margin`` metres inside each face.

    The margin keeps points on the surface strictly inside the box after rounding.
    """
    low, high = mesh.bounds
    inner = np.asarray(size_lwh, float) - 2 * margin
    triangles = (mesh.triangles - (low + high) / 2) * (inner / (high - low))
    return Mesh(triangles, mesh.colors, mesh.surface)


def in_one_color(mesh: Mesh) -> Mesh:
    """The same triangles, all with the mean colour and neither gloss, glow nor texture."""
    colors = np.broadcast_to(mesh.colors.mean(0), mesh.colors.shape)
    return Mesh(mesh.triangles, colors, np.zeros_like(mesh.surface))


def _fan(points: NDArray) -> NDArray:
    """Triangles around the first point of a convex polygon (n, 3)."""
    return np.stack(
        [np.stack([points[0], points[i], points[i + 1]]) for i in range(1, len(points) - 1)]
    )


def block(
    low: Sequence[float],
    high: Sequence[float],
    material: Material,
    *,
    top: tuple[float, float, float, float] | None = None,
    faces: dict[str, Material] | None = None,
) -> Mesh:
    """Box, or frustum when the top rectangle differs from the bottom one.

    Args:
        low: smallest (x, y, z) of the bottom rectangle.
        high: largest (x, y) of the bottom rectangle, z of the top.
        material: look of all faces.
        top: (x0, y0, x1, y1) of the top rectangle.
        faces: other looks for some of front, back, left, right, top, bottom.
    """
    x0, y0, z0 = low
    x1, y1, z1 = high
    u0, v0, u1, v1 = top or (x0, y0, x1, y1)
    corner = np.array(
        [
            [x0, y0, z0], [x1, y0, z0], [x1, y1, z0], [x0, y1, z0],
            [u0, v0, z1], [u1, v0, z1], [u1, v1, z1], [u0, v1, z1],
        ],
        float,
    )  # fmt: skip
    quads = {
        "front": (1, 2, 6, 5),
        "back": (3, 0, 4, 7),
        "left": (2, 3, 7, 6),
        "right": (0, 1, 5, 4),
        "top": (4, 5, 6, 7),
        "bottom": (0, 3, 2, 1),
    }
    looks = faces or {}
    return join(paint(_fan(corner[list(q)]), looks.get(n, material)) for n, q in quads.items())


def prism(
    outline_xz: Sequence[tuple[float, float]], y0: float, y1: float, material: Material
) -> Mesh:
    """Side outline (x, z), star-shaped about its mean, extruded from ``y0`` to ``y1``."""
    outline = np.asarray(outline_xz, float)
    center = outline.mean(0)
    triangles = []
    for a, b in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        p, q = [a[0], y0, a[1]], [b[0], y0, b[1]]
        r, s = [b[0], y1, b[1]], [a[0], y1, a[1]]
        triangles += [[p, q, r], [p, r, s]]
        triangles += [
            [[center[0], y, center[1]], [a[0], y, a[1]], [b[0], y, b[1]]] for y in (y0, y1)
        ]
    return paint(np.asarray(triangles), material)


def limb(
    start: Sequence[float],
    end: Sequence[float],
    radius: float,
    material: Material,
    *,
    end_radius: float | None = None,
    sides: int = 6,
) -> Mesh:
    """Closed cylinder or cone frustum between two points."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    axis = (b - a) / np.linalg.norm(b - a)
    u = np.cross(axis, [0, 0, 1] if abs(axis[2]) < 0.9 else [1, 0, 0])
    u /= np.linalg.norm(u)
    angle = (np.arange(sides) + 0.5) * 2 * np.pi / sides
    circle = np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * np.cross(axis, u)
    p, q = a + radius * circle, b + (radius if end_radius is None else end_radius) * circle
    p1, q1 = np.roll(p, -1, axis=0), np.roll(q, -1, axis=0)
    near, far = np.broadcast_to(a, p.shape), np.broadcast_to(b, p.shape)
    triples = [(p, p1, q1), (p, q1, q), (near, p, p1), (far, q, q1)]
    return paint(np.concatenate([np.stack(t, axis=1) for t in triples]), material)


def ball(
    center: Sequence[float],
    radii: Sequence[float] | float,
    material: Material,
    *,
    rings: int = 4,
    sides: int = 8,
) -> Mesh:
    """Ellipsoid of ``rings`` bands."""
    theta = np.linspace(0, np.pi, rings + 1)[:, None]
    phi = np.arange(sides + 1) * 2 * np.pi / sides
    unit = np.stack(
        [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta) + 0 * phi], -1
    )
    grid = unit * np.asarray(radii, float) + np.asarray(center, float)
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    triangles = np.stack([np.stack([a, b, c], 2), np.stack([a, c, d], 2)]).reshape(-1, 3, 3)
    area = np.linalg.norm(
        np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1
    )
    return paint(triangles[area > 1e-12], material)


def ring(
    center: Sequence[float], radius: float, thickness: float, material: Material, *, sides: int = 14
) -> Mesh:
    """Wheel rim in the xz plane: a torus with a square section."""
    angle = np.arange(sides + 1) * 2 * np.pi / sides
    c = np.asarray(center, float)

    def circle(r: float, y: float) -> NDArray:
        return c + np.stack([r * np.cos(angle), 0 * angle + y, r * np.sin(angle)], -1)

    t = thickness / 2
    rails = [circle(radius, -t), circle(radius, t), circle(radius - thickness, t)]
    rails += [circle(radius - thickness, -t), rails[0]]
    triangles = []
    for p, q in itertools.pairwise(rails):
        triangles.append(np.stack([p[:-1], p[1:], q[1:]], axis=1))
        triangles.append(np.stack([p[:-1], q[1:], q[:-1]], axis=1))
    return paint(np.concatenate(triangles), material)


def wheel(x: float, y: float, radius: float, width: float, hub: Material, tyre: Material) -> Mesh:
    """Car wheel standing on z = 0 with its axle along y; the hub shows on both sides."""
    disk = limb((x, y - width / 2, radius), (x, y + width / 2, radius), radius, tyre, sides=12)
    reach = width / 2 + 0.01
    cap = limb((x, y - reach, radius), (x, y + reach, radius), 0.55 * radius, hub, sides=8)
    return join([disk, cap])
