"""Scenes of a BOP data set: images, cameras and true poses."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from epropnp_data.errors import SampleError
from epropnp_data.geometry.rigid import RigidPose
from epropnp_data.images.reading import read_image

from .errors import BOPError, BOPFileMissing, numbers, read_json, rotation, whole
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
            SampleError: if the file is no depth image.
        """
        depth = read_image(self.depth_path, cv2.IMREAD_UNCHANGED)
        if depth.ndim != 2:
            raise SampleError(self.depth_path, "not a readable depth image of one channel")
        return depth * self.depth_scale


def read_scene(scene_dir: Path, on_disk_only: bool = True) -> list[SceneImage]:
    """Read the annotated images of ``<split>/<scene>`` in the order of their ids.

    Args:
        scene_dir: scene folder; its name is the scene id.
        on_disk_only: leave out frames whose image file is missing.

    Raises:
        BOPFileMissing: without ``scene_camera.json`` or, for ``on_disk_only``, any image.
        BOPError: a file is damaged; the message names it, the image and the value.
    """
    scene_dir = Path(scene_dir)
    cameras = read_cameras(scene_dir)
    truths = _read_optional(scene_dir / "scene_gt.json")
    infos = _read_optional(scene_dir / "scene_gt_info.json")
    images = []
    for key, (cam_mat, depth_scale) in cameras.items():
        path = _find_image(scene_dir, key)
        if path is not None or not on_disk_only:
            entries = truths.get(str(key), []), infos.get(str(key), [])
            depth_path = scene_dir / "depth" / f"{key:06d}.png"
            images.append(
                SceneImage(
                    int(scene_dir.name),
                    key,
                    path,
                    cam_mat,
                    _instances(scene_dir, key, *entries),
                    depth_path if depth_path.is_file() else None,
                    depth_scale,
                )
            )
    if not images:
        raise BOPFileMissing(f"{scene_dir}: no image named by scene_camera.json exists in rgb/")
    return images


def read_cameras(scene_dir: Path) -> dict[int, tuple[np.ndarray, float]]:
    """Camera matrix (3, 3) and metres per unit of depth of each image of ``scene_camera.json``.

    Raises:
        BOPFileMissing: there is none.
        BOPError: it is damaged, or a camera has no focal length.
    """
    path = scene_dir / "scene_camera.json"
    if not path.is_file():
        raise BOPFileMissing(f"{path}: not found; a BOP scene folder needs it")
    if not scene_dir.name.isdigit():
        raise BOPError(f"{scene_dir}: a scene folder is named by its number")
    cameras = {}
    for key, entry in read_json(path, dict).items():
        try:
            cameras[int(key)] = _camera(entry)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            text = f"lacks {error}" if isinstance(error, KeyError) else error
            raise BOPError(f"{path}: image {key}: {text}") from None
    return dict(sorted(cameras.items()))


def _camera(entry: dict) -> tuple[np.ndarray, float]:
    matrix = numbers(entry["cam_K"], 9, "cam_K").reshape(3, 3)
    if min(matrix[0, 0], matrix[1, 1]) <= 0 or not np.allclose(matrix[2], [0, 0, 1]):
        raise ValueError(
            f"cam_K needs positive focal lengths and a last row of 0 0 1, got {matrix.tolist()}"
        )
    (depth_scale,) = numbers(entry.get("depth_scale", 1.0), 1, "depth_scale")
    return matrix, float(depth_scale) * MM


def read_targets(path: Path) -> dict[tuple[int, int, int], int]:
    """Read a BOP target list: (scene, image, object) -> number of instances to find.

    Raises:
        BOPFileMissing: there is no such file.
        BOPError: it is damaged.
    """
    targets = {}
    for index, entry in enumerate(read_json(path, list)):
        try:
            key = tuple(whole(entry[name], name) for name in ("scene_id", "im_id", "obj_id"))
            targets[key] = whole(entry["inst_count"], "inst_count")
        except (KeyError, TypeError, ValueError) as error:
            text = f"lacks {error}" if isinstance(error, KeyError) else error
            raise BOPError(f"{path}: entry {index}: {text}") from None
    return targets


def _instances(
    scene_dir: Path, im_id: int, truths: list[dict], infos: list[dict]
) -> tuple[ObjectInstance, ...]:
    instances = []
    for index, truth in enumerate(truths):
        try:
            info = infos[index] if index < len(infos) else {}
            instances.append(_instance(scene_dir, im_id, index, truth, info))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            text = f"lacks {error}" if isinstance(error, KeyError) else error
            raise BOPError(
                f"{scene_dir}: scene_gt.json or scene_gt_info.json, image {im_id}, entry {index}: "
                f"{text}"
            ) from None
    return tuple(instances)


def _instance(scene_dir: Path, im_id: int, index: int, truth: dict, info: dict) -> ObjectInstance:
    mask_path = scene_dir / "mask_visib" / f"{im_id:06d}_{index:06d}.png"
    box = tuple(numbers(info.get("bbox_obj", (-1, -1, -1, -1)), 4, "bbox_obj").tolist())
    (visib_fract,) = numbers(info.get("visib_fract", 1.0), 1, "visib_fract")
    return ObjectInstance(
        obj_id=whole(truth["obj_id"], "obj_id"),
        gt_index=index,
        pose=RigidPose(
            rotation(truth["cam_R_m2c"], "cam_R_m2c"),
            numbers(truth["cam_t_m2c"], 3, "cam_t_m2c") * MM,
        ),
        bbox_obj=box,
        bbox_visib=tuple(numbers(info.get("bbox_visib", box), 4, "bbox_visib").tolist()),
        visib_fract=float(visib_fract),
        mask_path=mask_path if mask_path.is_file() else None,
    )


def _find_image(scene_dir: Path, im_id: int) -> Path | None:
    for pattern in IMAGE_PATTERNS:
        path = scene_dir / pattern.format(im_id)
        if path.is_file():
            return path
    return None


def _read_optional(path: Path) -> dict:
    return read_json(path, dict) if path.is_file() else {}
