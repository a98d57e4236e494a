"""One ray caster for camera pixels, shadows, lidar, visibility and object coordinates (Embree)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

try:
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene
except ImportError:
    EmbreeScene = None

NO_EMBREE = "rays are cast by Embree: pip install 'embreex>=2.17.7.post4' (requirements/synth.txt)"


class Hits(NamedTuple):
    """First hit of each ray.

    Attributes:
        distance: (R,) metres for unit directions; inf where nothing is hit.
        geometry: (R,) index of the triangle soup hit, -1 for none.
        triangle: (R,) index of the triangle within it, -1 for none.
    """

    distance: NDArray
    geometry: NDArray
    triangle: NDArray


class RayCaster:
    """Casts rays against several triangle soups.

    Embree computes in float32: keep coordinates within a few hundred metres of the origin.

    Args:
        geometries: one array of triangles (T, 3, 3) per geometry; none may be empty.

    Raises:
        ImportError: embreex is not installed.
    """

    def __init__(self, geometries: Sequence[NDArray]):
        if EmbreeScene is None:
            raise ImportError(NO_EMBREE)
        self._scene = EmbreeScene(robust=True)
        for triangles in geometries:
            vertices = np.ascontiguousarray(triangles.reshape(-1, 3), np.float32)
            faces = np.arange(len(vertices), dtype=np.int32).reshape(-1, 3)
            TriangleMesh(self._scene, vertices, faces)

    def first_hit(self, origins: NDArray, directions: NDArray) -> Hits:
        """First hits of rays given by origins and directions, (R, 3) each."""
        if len(directions) == 0:
            empty = np.zeros(0, int)
            return Hits(np.zeros(0), empty, empty)
        out = self._scene.run(_float32(origins, directions), _float32(directions), output=True)
        missed = out["primID"] < 0
        distance = np.where(missed, np.float32(np.inf), out["tfar"])
        return Hits(distance, np.where(missed, -1, out["geomID"]), out["primID"])

    def is_blocked(self, origins: NDArray, directions: NDArray) -> NDArray:
        """Whether rays (R, 3) hit anything at all, (R,) bool."""
        if len(directions) == 0:
            return np.zeros(0, bool)
        blocked = self._scene.run(
            _float32(origins, directions), _float32(directions), query="OCCLUDED"
        )
        return blocked >= 0


def _float32(array: NDArray, like: NDArray | None = None) -> NDArray:
    shape = array.shape if like is None else like.shape
    return np.ascontiguousarray(np.broadcast_to(array, shape), np.float32)
