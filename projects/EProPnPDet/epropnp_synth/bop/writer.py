"""Write models and views as a BOP data set."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from epropnp_data.bop.json_file import write_json

from .objects import SyntheticObject
from .render import RenderedView

MM = 1000.0
DEPTH_SCALE = 0.1  # millimetres per unit of the 16 bit depth images
JPEG_QUALITY = 95


def write_models(folder: Path, objects: dict[int, SyntheticObject]) -> None:
    """Write ``obj_<id>.ply`` (vertex colours) and ``models_info.json``, millimetres."""
    folder.mkdir(parents=True, exist_ok=True)
    infos = {}
    for obj_id, obj in objects.items():
        mesh = obj.mesh.copy()
        colors = np.column_stack((obj.color(mesh.vertices), np.ones(len(mesh.vertices))))
        mesh.visual.vertex_colors = (255 * colors).astype(np.uint8)
        mesh.apply_scale(MM)
        mesh.export(folder / f"obj_{obj_id:06d}.ply", encoding="binary")
        low, high = mesh.bounds
        infos[str(obj_id)] = (
            {"diameter": obj.diameter * MM, "name": obj.name}
            | {f"min_{axis}": float(value) for axis, value in zip("xyz", low, strict=True)}
            | {f"size_{axis}": float(v) for axis, v in zip("xyz", high - low, strict=True)}
            | obj.symmetries
        )
    write_json(folder / "models_info.json", infos)


class SceneWriter:
    """Collects the annotations of one scene while its images are written.

    Args:
        folder: ``<split>/<scene>``.
        suffix: format of the images, ``.png`` or ``.jpg``.
    """

    def __init__(self, folder: Path, suffix: str = ".png") -> None:
        self.folder = folder
        self.suffix = suffix
        self._cameras: dict[str, dict] = {}
        self._truths: dict[str, list[dict]] = {}
        self._infos: dict[str, list[dict]] = {}
        for name in ("rgb", "depth", "mask", "mask_visib"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def add(
        self, im_id: int, view: RenderedView, obj_ids: list[int], poses: list[NDArray], cam_mat
    ) -> None:
        """Write one image, its depth and masks; remember its annotations."""
        stem = f"{im_id:06d}"
        _write_image(self.folder / "rgb" / f"{stem}{self.suffix}", view.image[..., ::-1])
        depth = np.rint(view.depth * MM / DEPTH_SCALE).astype(np.uint16)
        _write_image(self.folder / "depth" / f"{stem}.png", depth)
        for index in range(len(obj_ids)):
            for name, masks in (("mask", view.masks), ("mask_visib", view.masks_visib)):
                path = self.folder / name / f"{stem}_{index:06d}.png"
                _write_image(path, masks[index].astype(np.uint8) * 255)
        self._cameras[str(im_id)] = {
            "cam_K": np.asarray(cam_mat).ravel().tolist(),
            "depth_scale": DEPTH_SCALE,
        }
        self._truths[str(im_id)] = [
            {
                "cam_R_m2c": pose[:3, :3].ravel().tolist(),
                "cam_t_m2c": (pose[:3, 3] * MM).tolist(),
                "obj_id": obj_id,
            }
            for obj_id, pose in zip(obj_ids, poses, strict=True)
        ]
        self._infos[str(im_id)] = view.infos

    def targets(self, min_visib: float) -> list[dict]:
        """BOP target list entries of the scene."""
        return [
            {
                "scene_id": int(self.folder.name),
                "im_id": int(im_id),
                "obj_id": truth["obj_id"],
                "inst_count": 1,
            }
            for im_id, truths in self._truths.items()
            for truth, info in zip(truths, self._infos[im_id], strict=True)
            if info["visib_fract"] >= min_visib
        ]

    def detections(self, min_visib: float) -> list[dict]:
        """True boxes of the visible parts as BOP detections."""
        return [
            {
                "scene_id": int(self.folder.name),
                "image_id": int(im_id),
                "category_id": truth["obj_id"],
                "bbox": info["bbox_visib"],
                "score": 1.0,
            }
            for im_id, truths in self._truths.items()
            for truth, info in zip(truths, self._infos[im_id], strict=True)
            if info["visib_fract"] >= min_visib
        ]

    def close(self) -> None:
        """Write the annotation files; a scene without them is unfinished."""
        write_json(self.folder / "scene_gt.json", self._truths)
        write_json(self.folder / "scene_gt_info.json", self._infos)
        write_json(self.folder / "scene_camera.json", self._cameras)


def _write_image(path: Path, image: NDArray) -> None:
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix == ".jpg" else []
    if not cv2.imwrite(str(path), image, options):
        raise OSError(f"{path}: could not be written")
