"""Results in a browser, live from this machine, with viser."""

from types import ModuleType
from typing import Any

import cv2
import numpy as np

from ..store import ResultsError
from .scene import Moment, SceneCamera

IMAGE_WIDTH = 480  # pixels sent to the browser
FRUSTUM = 1.0  # metres


def serve_live(moments: list[Moment], port: int) -> Any:
    """Serve moments on localhost; a slider chooses one.

    Args:
        moments: at least one.
        port: 0 takes viser's own.

    Returns:
        The running ``viser.ViserServer``.

    Raises:
        ResultsError: viser is not installed.
    """
    viser = _viser()
    server = viser.ViserServer(host="localhost", **({"port": port} if port else {}))
    server.scene.set_up_direction("+z" if moments[0].up == "z" else "-y")
    slider = server.gui.add_slider(
        "moment", min=0, max=max(len(moments) - 1, 1), step=1, initial_value=0
    )

    @slider.on_update
    def _(_event: object) -> None:
        show(server, moments[min(int(slider.value), len(moments) - 1)])

    show(server, moments[0])
    return server


def show(server: Any, moment: Moment) -> None:
    """Put one moment into the scene, in place of the one that was there."""
    scene = server.scene
    for camera in moment.cameras:
        _show_camera(scene, camera)
    for name, found in (("/truth", False), ("/found", True)):
        boxes = [box for box in moment.boxes if box.found == found]
        edges = np.concatenate([box.edges for box in boxes]) if boxes else np.zeros((0, 2, 3))
        colors = [np.broadcast_to(np.uint8(box.color), (12, 2, 3)) for box in boxes]
        scene.add_line_segments(
            name,
            points=edges.astype(np.float32),
            colors=np.concatenate(colors) if colors else np.zeros((0, 2, 3), np.uint8),
            line_width=2.0,
        )
    for name, points, size in (
        ("/samples", moment.samples, 0.05),
        ("/correspondences", moment.points, 0.04),
    ):
        places = points.places.astype(np.float32)
        scene.add_point_cloud(name, points=places, colors=points.colors, point_size=size)


def _show_camera(scene: Any, camera: SceneCamera) -> None:
    width, height = camera.size
    image = cv2.imread(str(camera.image), cv2.IMREAD_COLOR)
    if image is not None:
        image = cv2.resize(image, (IMAGE_WIDTH, round(IMAGE_WIDTH * height / width)))[..., ::-1]
    scene.add_camera_frustum(
        f"/cameras/{camera.name}",
        fov=float(2 * np.arctan(height / 2 / camera.intrinsics[1, 1])),
        aspect=width / height,
        scale=FRUSTUM,
        image=image,
        wxyz=quaternion(camera.to_scene[:3, :3]),
        position=camera.to_scene[:3, 3],
    )


def quaternion(rotation: np.ndarray) -> np.ndarray:
    """Unit quaternion (w, x, y, z), w >= 0, of a rotation (3, 3)."""
    m = rotation
    # the matrix whose largest eigenvector is the quaternion (Bar-Itzhack, 2000)
    symmetric = np.array(
        [
            [m[0, 0] + m[1, 1] + m[2, 2], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 0] - m[1, 1] - m[2, 2], m[1, 0] + m[0, 1], m[2, 0] + m[0, 2]],
            [m[0, 2] - m[2, 0], m[1, 0] + m[0, 1], m[1, 1] - m[0, 0] - m[2, 2], m[2, 1] + m[1, 2]],
            [m[1, 0] - m[0, 1], m[2, 0] + m[0, 2], m[2, 1] + m[1, 2], m[2, 2] - m[0, 0] - m[1, 1]],
        ]
    )
    vector = np.linalg.eigh(symmetric)[1][:, -1]
    return vector if vector[0] >= 0 else -vector


def _viser() -> ModuleType:
    try:
        import viser
    except ImportError:
        raise ResultsError(
            "a live view needs viser, which is not installed: pip install viser"
        ) from None
    return viser
