"""Scenes of a BOP data set: images, cameras and true poses."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from epropnp_data.geometry.rigid import RigidPose

from .models import MM

IMAGE_PATTERNS = ("rgb/{:06d}.png", "rgb/{:06d}.jpg", "gray/{:06d}.tif", "gray/{:06d}.png")


@dataclass(frozen=True)
class ObjectInstance:
    """One annotated object.

    Attributes:
        obj_id: BOP object id.
        gt_index: position in the list of the image.
        pose: object to camera, metres.
        bbox_obj: (4,) x, y, w, h of the whole silhouette, pixels; negative if unknown.
        bbox_visib: (4,) x, y, w, h of the visible part.
        visib_fract: visible fraction, 1 if unknown.
        mask_path: visible mask, None if there is none.
    """

    obj_id: int
    gt_index: int
    pose: RigidPose
    bbox_obj: tuple[float, ...]
    bbox_visib: tuple[float, ...]
    visib_fract: float
    mask_path: Path | None


@dataclass(frozen=True)
class SceneImage:
    """One image.

    Attributes:
        scene_id: scene.
        im_id: image.
        path: image file, None if it is not on disk.
        cam_mat: (3, 3) as in the file.
        instances: annotated objects.
        depth_path: measured depth, None if there is none.
        depth_scale: metres per unit of the depth file.
    """

    scene_id: int
    im_id: int
    path: Path | None
    cam_mat: np.ndarray
    instances: tuple[ObjectInstance, ...]
    depth_path: Path | None = None
    depth_scale: float = MM

    def read_depth(self) -> np.ndarray:
        """(H, W) metres, 0 where unknown.

        Raises:
            ValueError: if the file is no depth image.
        """
        depth = cv2.imread(str(self.depth_path), cv2.IMREAD_UNCHANGED)
        if depth is None or depth.ndim != 2:
            raise ValueError(f"{self.depth_path}: not a readable depth image of one channel")
        return depth * self.depth_scale


def read_scene(scene_dir: Path, on_disk_only: bool = True) -> list[SceneImage]:
    """Read the annotated images of ``<split>/<scene>`` in the order of their ids.

    Args:
        scene_dir: scene folder; its name is the scene id.
        on_disk_only: leave out frames whose image file is missing.

    Raises:
        FileNotFoundError: without ``scene_camera.json`` or, for ``on_disk_only``, any image.
    """
    scene_dir = Path(scene_dir)
    cameras = _read_json(scene_dir / "scene_camera.json", required=True)
    truths = _read_json(scene_dir / "scene_gt.json")
    infos = _read_json(scene_dir / "scene_gt_info.json")
    images = []
    for key in sorted(cameras, key=int):
        path = _find_image(scene_dir, int(key))
        if path is not None or not on_disk_only:
            instances = _instances(scene_dir, int(key), truths.get(key, []), infos.get(key, []))
            cam_mat = np.reshape(cameras[key]["cam_K"], (3, 3)).astype(np.float64)
            depth_path = scene_dir / "depth" / f"{int(key):06d}.png"
            images.append(
                SceneImage(
                    int(scene_dir.name),
                    int(key),
                    path,
                    cam_mat,
                    instances,
                    depth_path if depth_path.is_file() else None,
                    cameras[key].get("depth_scale", 1.0) * MM,
                )
            )
    if not images:
        raise FileNotFoundError(f"{scene_dir}: no image named by scene_camera.json exists in rgb/")
    return images


def read_targets(path: Path) -> dict[tuple[int, int, int], int]:
    """Read a BOP target list: (scene, image, object) -> number of instances to find."""
    return {
        (entry["scene_id"], entry["im_id"], entry["obj_id"]): entry["inst_count"]
        for entry in json.loads(Path(path).read_text())
    }


def _instances(
    scene_dir: Path, im_id: int, truths: list[dict], infos: list[dict]
) -> tuple[ObjectInstance, ...]:
    instances = []
    for index, truth in enumerate(truths):
        info = infos[index] if index < len(infos) else {}
        mask_path = scene_dir / "mask_visib" / f"{im_id:06d}_{index:06d}.png"
        box = tuple(info.get("bbox_obj", (-1, -1, -1, -1)))
        instances.append(
            ObjectInstance(
                obj_id=truth["obj_id"],
                gt_index=index,
                pose=RigidPose(
                    np.reshape(truth["cam_R_m2c"], (3, 3)).astype(np.float64),
                    np.asarray(truth["cam_t_m2c"], dtype=np.float64) * MM,
                ),
                bbox_obj=box,
                bbox_visib=tuple(info.get("bbox_visib", box)),
                visib_fract=info.get("visib_fract", 1.0),
                mask_path=mask_path if mask_path.is_file() else None,
            )
        )
    return tuple(instances)


def _find_image(scene_dir: Path, im_id: int) -> Path | None:
    for pattern in IMAGE_PATTERNS:
        path = scene_dir / pattern.format(im_id)
        if path.is_file():
            return path
    return None


def _read_json(path: Path, required: bool = False) -> dict:
    if not path.is_file():
        if required:
            raise FileNotFoundError(f"{path}: not found; a BOP scene folder needs it")
        return {}
    return json.loads(path.read_text())
