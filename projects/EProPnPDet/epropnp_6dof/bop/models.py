"""Object models of a BOP data set: sizes, symmetries and meshes."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from epropnp_data.geometry.boxes import CORNER_SIGNS
from epropnp_data.geometry.rigid import RigidPose

from .errors import BOPError, BOPFileMissing, numbers, read_json, rotation

MM = 1e-3  # BOP lengths are millimetres
MIN_COORD_SCALE = 0.01  # of the longest side; nearer to the frame a side gives no unit
SMALLEST_MM = 2.0  # diameter, below which lengths are taken for metres
UNIT_FACTOR = 10.0  # between the box of a mesh and that of models_info.json
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

    Raises:
        ValueError: an entry is no rotation, or an axis has no direction.
    """
    discrete = [RigidPose(np.eye(3), np.zeros(3))]
    for matrix in info.get("symmetries_discrete", []):
        matrix = numbers(matrix, 16, "symmetries_discrete").reshape(4, 4)
        turn = rotation(matrix[:3, :3], "symmetries_discrete")
        discrete.append(RigidPose(turn, matrix[:3, 3] * unit))
    continuous = [RigidPose(np.eye(3), np.zeros(3))]
    for entry in info.get("symmetries_continuous", []):
        axis = numbers(entry["axis"], 3, "axis of symmetries_continuous")
        offset = numbers(entry["offset"], 3, "offset of symmetries_continuous") * unit
        if not np.linalg.norm(axis) > 0:
            raise ValueError("axis of symmetries_continuous is zero")
        steps = int(np.ceil(np.pi / max_step))
        for index in range(1, steps):
            angle = 2 * np.pi * index / steps
            turn = Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle).as_matrix()
            continuous.append(RigidPose(turn, offset - turn @ offset))
    return tuple(turn.compose(flip) for flip in discrete for turn in continuous)


def read_models_info(models_dir: Path) -> dict[int, ObjectModel]:
    """Read ``models_info.json`` of a models folder; meshes stay unread (empty).

    Raises:
        BOPFileMissing: without ``models_info.json``.
        BOPError: an entry lacks its diameter or box, is not in millimetres, or its symmetries are
            none.
    """
    path = Path(models_dir) / "models_info.json"
    if not path.is_file():
        raise BOPFileMissing(f"{path}: not found; it holds diameters and symmetries (BOP format)")
    models = {}
    for key, info in read_json(path, dict).items():
        try:
            models[int(key)] = _model(int(key), info)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            text = f"has a symmetry without {error}" if isinstance(error, KeyError) else error
            raise BOPError(f"{path}: object {key} {text}") from None
    return models


def _model(obj_id: int, info: dict) -> ObjectModel:
    fields = ["diameter", *(f"{part}_{axis}" for part in ("min", "size") for axis in "xyz")]
    missing = [name for name in fields if name not in info]
    if missing:
        raise ValueError(f"lacks {', '.join(missing)}")
    (diameter,) = numbers(info["diameter"], 1, "diameter")
    if diameter < SMALLEST_MM:
        raise ValueError(
            f"has the diameter {diameter:g}, which looks like metres: BOP's lengths are millimetres"
        )
    size = numbers([info[f"size_{axis}"] for axis in "xyz"], 3, "size")
    if min(size) < 0 or max(size) > 2 * diameter:
        raise ValueError(f"has the size {size.tolist()} and the diameter {diameter:g}")
    return ObjectModel(
        obj_id=obj_id,
        diameter=diameter * MM,
        corner_min=numbers([info[f"min_{axis}"] for axis in "xyz"], 3, "min") * MM,
        size=size * MM,
        symmetries=symmetry_transforms(info),
        vertices=np.empty((0, 3)),
        faces=np.empty((0, 3), dtype=int),
    )


def read_object_model(models_dir: Path, obj_id: int) -> ObjectModel:
    """Read one object with its mesh ``obj_<id>.ply``, vertices exactly as in the file.

    Raises:
        BOPFileMissing: without the mesh.
        BOPError: the mesh is damaged, or in another unit than ``models_info.json``.
        KeyError: if ``models_info.json`` does not list the object.
    """
    known = read_models_info(models_dir)
    if obj_id not in known:
        raise KeyError(
            f"{models_dir}/models_info.json has no object {obj_id}, only {sorted(known)}"
        )
    path = Path(models_dir) / f"obj_{obj_id:06d}.ply"
    if not path.is_file():
        raise BOPFileMissing(f"{path}: mesh not found")
    vertices, faces = _read_mesh(path)
    side, known_side = np.ptp(vertices, axis=0).max(), known[obj_id].size.max() / MM
    if not known_side / UNIT_FACTOR < side < known_side * UNIT_FACTOR:
        raise BOPError(
            f"{path}: its longest side is {side:g}, that in models_info.json {known_side:g}; BOP's "
            "meshes are in millimetres"
        )
    return replace(known[obj_id], vertices=vertices * MM, faces=faces)


def _read_mesh(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3), faces (F, 3) as in the file."""
    try:
        mesh = trimesh.load(path, process=False, force="mesh")
        vertices = np.asarray(mesh.vertices, dtype=np.float64)
        faces = np.asarray(mesh.faces)
    except Exception as error:  # readers of trimesh raise whatever their format raises
        raise BOPError(f"{path}: not a readable mesh ({error}); get or export it again") from None
    if not len(faces) or not np.isfinite(vertices).all():
        raise BOPError(f"{path}: has no faces, or vertices that are not finite; export it again")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise BOPError(f"{path}: has faces of vertices that are not there; export it again")
    return vertices, faces
