"""Results as a file of Rerun (rerun.io), for whoever has its viewer."""

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from ..store import ResultsError
from .scene import Moment

TIMELINE = "moment"
UP = {"z": "RIGHT_HAND_Z_UP", "-y": "RIGHT_HAND_Y_DOWN"}


def write_rrd(path: Path, moments: Iterable[Moment]) -> int:
    """Write moments one after the other; the file appears complete or not at all.

    Args:
        path: ``.rrd`` file to write.
        moments: of `read_moments`.

    Returns:
        Number of moments.

    Raises:
        ResultsError: rerun-sdk is not installed.
    """
    rerun = _rerun()
    part = path.with_name(f".{path.stem}.part.rrd")
    rerun.init("epropnp results", spawn=False)
    rerun.save(str(part))
    count = 0
    for number, moment in enumerate(moments):
        _set_time(rerun, number)
        _log(rerun, moment)
        count += 1
    rerun.disconnect()
    part.replace(path)
    return count


def _rerun() -> ModuleType:
    try:
        import rerun
    except ImportError:
        raise ResultsError(
            "a .rrd file needs rerun-sdk, which is not installed: pip install rerun-sdk"
        ) from None
    return rerun


def _set_time(rerun: ModuleType, number: int) -> None:
    if hasattr(rerun, "set_time"):
        rerun.set_time(TIMELINE, sequence=number)
    else:  # before version 0.23
        rerun.set_time_sequence(TIMELINE, number)


def _log(rerun: ModuleType, moment: Moment) -> None:
    rerun.log("scene", getattr(rerun.ViewCoordinates, UP[moment.up]))
    rerun.log("scene/name", rerun.TextDocument(moment.name))
    for camera in moment.cameras:
        entity = f"scene/cameras/{camera.name}"
        motion = camera.to_scene
        rerun.log(entity, rerun.Transform3D(translation=motion[:3, 3], mat3x3=motion[:3, :3]))
        pinhole = rerun.Pinhole(image_from_camera=camera.intrinsics, resolution=camera.size)
        rerun.log(entity, pinhole)
        rerun.log(f"{entity}/image", rerun.EncodedImage(path=camera.image))
    for name, found in (("truth", False), ("found", True)):
        boxes = [box for box in moment.boxes if box.found == found]
        lines = rerun.LineStrips3D(
            [edge for box in boxes for edge in box.edges],
            colors=[box.color for box in boxes for _ in box.edges],
            labels=[box.label if edge == 0 else "" for box in boxes for edge in range(12)],
        )
        rerun.log(f"scene/{name}", lines)
    for name, points, radius in (
        ("samples", moment.samples, 0.05),
        ("correspondences", moment.points, 0.04),
    ):
        cloud = rerun.Points3D(points.places, colors=points.colors, radii=radius)
        rerun.log(f"scene/{name}", cloud)
