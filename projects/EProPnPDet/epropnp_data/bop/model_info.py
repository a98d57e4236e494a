"""Entries of ``models_info.json``: diameter, box and symmetries of a mesh."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, cKDTree
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

MM = 1000.0
MAX_DEVIATION = 0.1  # of the diameter, of any vertex: what BOP calls a symmetry
TYPICAL_DEVIATION = 0.03  # of the diameter, of 95 % of the vertices: the rest are details
NUM_SURFACE_POINTS = 30_000  # stand for the surface, together with the vertices
NUM_TESTED = 3000
ALIGN_STEPS = 40
TRIMMED = 0.9  # details that break the symmetry do not take part in the alignment
ODD_TURNS = (0.7, 1.9, 2.6)  # radians; a surface unchanged by these is one of revolution


def model_info(vertices: NDArray, faces: NDArray) -> dict:
    """Entry of a mesh, millimetres.

    Args:
        vertices: (V, 3) metres.
        faces: (F, 3).
    """
    low, high = vertices.min(axis=0) * MM, vertices.max(axis=0) * MM
    info: dict = {"diameter": round(diameter(vertices) * MM, 6)}
    for axis, least, side in zip("xyz", low, high - low, strict=True):
        info |= {f"min_{axis}": round(float(least), 6), f"size_{axis}": round(float(side), 6)}
    return info | find_symmetries(vertices, faces)


def diameter(vertices: NDArray) -> float:
    """Largest distance between two vertices."""
    return float(pdist(vertices[ConvexHull(vertices).vertices]).max())


def find_symmetries(vertices: NDArray, faces: NDArray) -> dict:
    """Half turns and full turns about the box's axes that leave the shape unchanged.

    A half turn is aligned to the shape (trimmed ICP), then judged by how far its points lie from
    the nearest ones; full turns are about the axis itself, or alignment would undo them. Colours do
    not count: a symmetry of the shape alone is what ADD-S, MSSD and MSPD fold.

    Args:
        vertices: (V, 3) metres.
        faces: (F, 3).

    Returns:
        ``symmetries_discrete`` and ``symmetries_continuous`` as in BOP, millimetres; empty lists
        are left out.
    """
    size = diameter(vertices)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    surface, _ = trimesh.sample.sample_surface(mesh, NUM_SURFACE_POINTS, seed=0)
    tree = cKDTree(np.concatenate((vertices, surface)))
    sample = np.random.default_rng(0).permutation(tree.data)[:NUM_TESTED]
    center = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    found: dict = {"symmetries_discrete": [], "symmetries_continuous": []}
    for axis in np.eye(3):
        odd_turns = (_turn(axis, angle, center) for angle in ODD_TURNS)
        half = _align(sample, tree, _turn(axis, np.pi, center))
        if all(_unchanged(sample, tree, turn, size) for turn in odd_turns):
            entry = {"axis": axis.tolist(), "offset": (center * MM).round(6).tolist()}
            found["symmetries_continuous"].append(entry)
        elif _unchanged(sample, tree, half, size):
            matrix = half.copy()
            matrix[:3, 3] *= MM
            found["symmetries_discrete"].append(matrix.round(9).ravel().tolist())
    return {key: value for key, value in found.items() if value}


def _turn(axis: NDArray, angle: float, center: NDArray) -> NDArray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(angle * axis).as_matrix()
    matrix[:3, 3] = center - matrix[:3, :3] @ center
    return matrix


def _distances(sample: NDArray, tree: cKDTree, matrix: NDArray) -> tuple[NDArray, NDArray]:
    return tree.query(sample @ matrix[:3, :3].T + matrix[:3, 3])


def _unchanged(sample: NDArray, tree: cKDTree, matrix: NDArray, size: float) -> bool:
    distances = _distances(sample, tree, matrix)[0] / size
    return bool(
        distances.max() < MAX_DEVIATION and np.quantile(distances, 0.95) < TYPICAL_DEVIATION
    )


def _align(sample: NDArray, tree: cKDTree, matrix: NDArray) -> NDArray:
    """Trimmed ICP (Chetverikov et al., ICPR 2002) from a start (4, 4)."""
    for _ in range(ALIGN_STEPS):
        distances, nearest = _distances(sample, tree, matrix)
        kept = distances <= np.quantile(distances, TRIMMED)
        source, target = sample[kept], tree.data[nearest[kept]]
        rotation, _ = Rotation.align_vectors(target - target.mean(0), source - source.mean(0))
        previous, matrix = matrix, np.eye(4)
        matrix[:3, :3] = rotation.as_matrix()
        matrix[:3, 3] = target.mean(0) - matrix[:3, :3] @ source.mean(0)
        if np.abs(matrix - previous).max() < 1e-9:
            break
    return matrix
