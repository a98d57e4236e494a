"""What BOP publishes of LM-O's eight objects, to check what is computed from the meshes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .wheel import SourceError

DIAMETER_TOLERANCE_MM = 0.01
TURN_TOLERANCE = 0.05  # of the diameter, at the corners of the box
EGGBOX_TURN = (-0.999964, -0.00333777, -0.0077452, 0.232611, 0.00321462, -0.999869, 0.0158593)
EGGBOX_TURN += (0.694388, -0.00779712, 0.0158338, 0.999844, -0.0792063, 0.0, 0.0, 0.0, 1.0)
GLUE_TURN = (-0.999633, 0.026679, 0.00479336, -0.262139, -0.0266744, -0.999644, 0.00100504)
GLUE_TURN += (-0.197966, 0.00481847, 0.000876815, 0.999988, 0.0321652, 0.0, 0.0, 0.0, 1.0)


class KnownObject(NamedTuple):
    """Name, diameter (mm) and the half turn (4x4 row by row) that leaves the object unchanged."""

    name: str
    diameter: float
    half_turn: tuple[float, ...] | None = None


LMO_OBJECTS = {
    1: KnownObject("ape", 102.099),
    5: KnownObject("can", 201.404),
    6: KnownObject("cat", 154.546),
    8: KnownObject("driller", 261.472),
    9: KnownObject("duck", 108.999),
    10: KnownObject("eggbox", 164.628, EGGBOX_TURN),
    11: KnownObject("glue", 175.889, GLUE_TURN),
    12: KnownObject("holepuncher", 145.543),
}
NUM_IMAGES = 200
NUM_POSES = 1517


def checked_infos(infos: dict[int, dict]) -> dict[int, dict]:
    """Compare computed entries of ``models_info.json`` with the published ones.

    Returns:
        The entries with names, and with the published symmetries in place of the computed ones,
        which differ by millimetres, so that scores compare with those of others.

    Raises:
        SourceError: naming the object and the difference.
    """
    if set(infos) != set(LMO_OBJECTS):
        raise SourceError(f"models: objects {sorted(infos)}, LM-O has {sorted(LMO_OBJECTS)}")
    return {obj_id: _checked(obj_id, info) for obj_id, info in infos.items()}


def _checked(obj_id: int, info: dict) -> dict:
    known = LMO_OBJECTS[obj_id]
    name = f"models/obj_{obj_id:06d}.ply ({known.name})"
    if abs(info["diameter"] - known.diameter) > DIAMETER_TOLERANCE_MM:
        raise SourceError(
            f"{name}: diameter {info['diameter']} mm, published {known.diameter}; the models are "
            "others than LM-O's"
        )
    found = info.get("symmetries_discrete", [])
    expected = [] if known.half_turn is None else [list(known.half_turn)]
    same = len(found) == len(expected) and "symmetries_continuous" not in info
    if not same or (found and _turn_difference(found[0], expected[0], info) > TURN_TOLERANCE):
        raise SourceError(f"{name}: symmetries {found} computed, {expected} published")
    symmetries = {"symmetries_discrete": expected} if expected else {}
    return info | {"name": known.name} | symmetries


def _turn_difference(found: list[float], published: list[float], info: dict) -> float:
    """Largest distance of two turns at two opposite corners of the box, in diameters."""
    low = np.array([info[f"min_{axis}"] for axis in "xyz"])
    high = low + [info[f"size_{axis}"] for axis in "xyz"]
    difference = (np.reshape(found, (4, 4)) - np.reshape(published, (4, 4)))[:3]
    corners = np.stack([[*low, 1], [*high, 1]])
    return float(np.linalg.norm(corners @ difference.T, axis=1).max() / info["diameter"])
