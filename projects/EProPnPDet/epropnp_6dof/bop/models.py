"""Object models of a BOP data set: sizes, symmetries and meshes."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from epropnp_data.geometry.boxes import CORNER_SIGNS
from epropnp_data.geometry.rigid import RigidPose

MM = 1e-3  # BOP lengths are millimetres
MIN_COORD_SCALE = 0.01  # of the longest side; nearer to the frame a side gives no unit
MAX_SYMMETRY_STEP = 0.01  # arc between discretised rotations, in diameters (BOP default)


@dataclass(frozen=True)
class ObjectModel:
    """What is known of one object; lengths in metres, object frame.

    Attributes:
        obj_id: BOP object id.
        diameter: largest distance of two vertices.
        corner_min: (3,) smallest coordinates.
        size: (3,) box sides.
        symmetries: transforms that leave the object unchanged, the identity first.
        vertices: (V, 3), empty without a mesh.
        faces: (F, 3), empty without a mesh.
    """

    obj_id: int
    diameter: float
    corner_min: np.ndarray
    size: np.ndarray
    symmetries: tuple[RigidPose, ...]
    vertices: np.ndarray
    faces: np.ndarray

    @property
    def is_symmetric(self) -> bool:
        """Whether any symmetry besides the identity is known."""
        return len(self.symmetries) > 1

    @property
    def coord_scale(self) -> np.ndarray:
        """(3,) |min| of each axis, the unit of normalised object coordinates, as in CDPN.

        Where the frame all but touches that side of the box it would be zero, or next to it; half
        the longest side takes its place.
        """
        least = np.abs(self.corner_min)
        return np.where(least > MIN_COORD_SCALE * self.size.max(), least, self.size.max() / 2)

    @property
    def box_corners(self) -> np.ndarray:
        """(8, 3) corners of the bounding box, in the order of ``CORNER_SIGNS``."""
        return self.corner_min + (CORNER_SIGNS > 0) * self.size

    def with_box_vertices(self) -> "ObjectModel":
        """The same object with its box corners in place of a mesh."""
        return replace(self, vertices=self.box_corners)


def symmetry_transforms(
    info: dict, max_step: float = MAX_SYMMETRY_STEP, unit: float = MM
) -> tuple[RigidPose, ...]:
    """Transforms that leave an object unchanged, continuous symmetries discretised.

    Args:
        info: entry of ``models_info.json``.
        max_step: largest arc between neighbouring rotations, in object diameters.
        unit: metres per length unit of ``info``.

    Returns:
        The identity first; combinations of discrete and continuous symmetries.
    """
    discrete = [RigidPose(np.eye(3), np.zeros(3))]
    for matrix in info.get("symmetries_discrete", []):
        matrix = np.reshape(matrix, (4, 4)).astype(float)
        discrete.append(RigidPose(matrix[:3, :3], matrix[:3, 3] * unit))
    continuous = [RigidPose(np.eye(3), np.zeros(3))]
    for entry in info.get("symmetries_continuous", []):
        axis = np.asarray(entry["axis"], dtype=float)
        offset = np.asarray(entry["offset"], dtype=float) * unit
        steps = int(np.ceil(np.pi / max_step))
        for index in range(1, steps):
            angle = 2 * np.pi * index / steps
            rotation = Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle).as_matrix()
            continuous.append(RigidPose(rotation, offset - rotation @ offset))
    return tuple(turn.compose(flip) for flip in discrete for turn in continuous)


def read_models_info(models_dir: Path) -> dict[int, ObjectModel]:
    """Read ``models_info.json`` of a models folder; meshes stay unread (empty).

    Raises:
        FileNotFoundError: without ``models_info.json``.
        ValueError: if an entry lacks its diameter or box.
    """
    path = Path(models_dir) / "models_info.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: not found; it holds diameters and symmetries (BOP format)"
        )
    models = {}
    for key, info in json.loads(path.read_text()).items():
        fields = ["diameter", *(f"{part}_{axis}" for part in ("min", "size") for axis in "xyz")]
        missing = [name for name in fields if name not in info]
        if missing:
            raise ValueError(f"{path}: object {key} lacks {', '.join(missing)}")
        models[int(key)] = ObjectModel(
            obj_id=int(key),
            diameter=info["diameter"] * MM,
            corner_min=np.array([info[f"min_{axis}"] for axis in "xyz"]) * MM,
            size=np.array([info[f"size_{axis}"] for axis in "xyz"]) * MM,
            symmetries=symmetry_transforms(info),
            vertices=np.empty((0, 3)),
            faces=np.empty((0, 3), dtype=int),
        )
    return models


def read_object_model(models_dir: Path, obj_id: int) -> ObjectModel:
    """Read one object with its mesh ``obj_<id>.ply``, vertices exactly as in the file.

    Raises:
        FileNotFoundError: without the mesh.
        KeyError: if ``models_info.json`` does not list the object.
    """
    known = read_models_info(models_dir)
    if obj_id not in known:
        raise KeyError(
            f"{models_dir}/models_info.json has no object {obj_id}, only {sorted(known)}"
        )
    path = Path(models_dir) / f"obj_{obj_id:06d}.ply"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: mesh not found")
    mesh = trimesh.load(path, process=False, force="mesh")
    return replace(
        known[obj_id],
        vertices=np.asarray(mesh.vertices, dtype=np.float64) * MM,
        faces=np.asarray(mesh.faces),
    )
