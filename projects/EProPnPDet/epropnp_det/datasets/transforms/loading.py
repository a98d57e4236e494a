"""Transforms that read an image, its annotations and the lidar points in it."""

import os.path as osp

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import CameraInstance3DBoxes
from pyquaternion import Quaternion

from epropnp_data.errors import SampleError
from epropnp_data.geometry.camera import NEAR_PLANE, project_points
from epropnp_data.geometry.rigid import transform_points
from epropnp_data.images import level_view
from epropnp_data.images.reading import read_image
from epropnp_data.vocabulary import Vocabulary

from ..camera_annotations import CameraAnnotations


@TRANSFORMS.register_module()
class LoadMonoImage(BaseTransform):
    """Read the camera image (BGR, uint8) and start the bookkeeping of its pixels.

    An image that is there already is taken instead of a file; one of a file is turned by
    ``levelled_by`` where the data set gives that. Adds ``img``, ``ori_shape``,
    ``img_shape``, ``img_transform`` (identity), ``flip`` and ``cam_intrinsic`` (camera matrix of
    the original image, never changed).

    Raises:
        SampleError: the file is missing or no image, or of another size than its annotations or its
            camera matrix say.
    """

    def transform(self, results: dict) -> dict:
        """Read ``results['img_path']``."""
        img = results["img"] if "img" in results else self._read(results)
        results["img"] = img
        results["ori_shape"] = results["img_shape"] = img.shape[:2]
        results["img_transform"] = np.eye(3)
        results["scale_factor"] = (1.0, 1.0)
        results["flip"] = False
        results["cam_intrinsic"] = np.array(results["cam2img"], dtype=np.float32)
        return results

    @staticmethod
    def _read(results: dict) -> np.ndarray:
        path = results["img_path"]
        img = read_image(path)
        height, width = img.shape[:2]
        annotated = getattr(results.get("annotations"), "size_wh", (width, height))
        expected = results.get("size_wh", annotated)
        if (width, height) != tuple(expected):
            raise SampleError(
                path, f"image is {width}x{height}, annotated as {expected[0]}x{expected[1]}"
            )
        cx, cy = results["cam2img"][0][2], results["cam2img"][1][2]
        if not (0 < cx < width and 0 < cy < height):
            raise SampleError(
                path,
                f"the principal point {cx:g}, {cy:g} lies outside the {width}x{height} image: "
                "image and camera matrix do not belong together",
            )
        return level_view(img, results["cam2img"], results.get("levelled_by")).image


@TRANSFORMS.register_module()
class LoadMonoAnnotations(BaseTransform):
    """Turn the annotations of the data set into the arrays that the other transforms move along.

    Adds ``gt_bboxes`` (G, 4) ori pixels, ``gt_areas`` (G,) area that the 2D box would have without
    truncation, ``gt_bboxes_3d``, ``gt_labels_3d``, ``attr_labels`` (-1 where the annotation lacks
    the attribute that its class should have), ``velocities`` (G, 2; NaN where unknown),
    ``truncation`` and ``visibility`` (G,).

    Args:
        unknown_attribute: label of an attribute that the class of an object should have and the
            annotation lacks: -1 is not trained on; 8, "none", is, as in the published system.
    """

    def __init__(self, unknown_attribute: int = -1):
        self.unknown_attribute = unknown_attribute

    def transform(self, results: dict) -> dict:
        """Unpack ``results['annotations']``, with labels of ``results['vocabulary']``."""
        annotations: CameraAnnotations = results["annotations"]
        vocabulary: Vocabulary = results["vocabulary"]
        bboxes = annotations.bboxes.astype(np.float32)
        seen_share = np.maximum(1.0 - annotations.truncation, 1e-4)
        results["gt_bboxes"] = bboxes
        results["gt_areas"] = (bboxes[:, 2:] - bboxes[:, :2]).prod(axis=1) / seen_share
        boxes = np.concatenate(
            [annotations.centers, annotations.dims, annotations.yaws[:, None]], axis=1
        )
        results["gt_bboxes_3d"] = CameraInstance3DBoxes(boxes, box_dim=7, origin=(0.5, 0.5, 0.5))
        results["gt_labels_3d"] = annotations.labels.astype(np.int64)
        attributes = annotations.attr_labels.astype(np.int64)
        scope = np.pad(vocabulary.scope, ((0, 0), (0, 1)))  # the last column is that of -1
        is_known = scope[annotations.labels, attributes]
        results["attr_labels"] = np.where(is_known, attributes, self.unknown_attribute)
        results["velocities"] = annotations.velocities.astype(np.float32)
        results["truncation"] = annotations.truncation.astype(np.float32)
        results["visibility"] = annotations.visibility.astype(np.int64)
        return results


@TRANSFORMS.register_module()
class LoadMonoLidar(BaseTransform):
    """Lidar points that fall into the image, and those inside each annotated box.

    Points go lidar -> ego -> global -> ego at the camera's time -> camera, so the ego motion
    between the two sensors is compensated. Adds ``lidar_uvz`` (P, 3): u, v in ori pixels and depth
    z >= 0.1 m; ``points_obj``: per object (k, 3) in the object frame (x length, y down, z width),
    relative to the centre; ``points_uv``: per object (k, 2) ori pixels. A keyframe without a lidar
    file gives empty arrays; points that are not finite are left out.

    Args:
        num_feats: float32 numbers per point in the file.
    """

    def __init__(self, num_feats: int = 5):
        self.num_feats = num_feats

    def transform(self, results: dict) -> dict:
        """Read ``results['lidar_path']``."""
        points_lidar = self._read(results["lidar_path"])
        points_cam = transform_points(results["lidar2cam"], points_lidar)
        points_cam = points_cam[points_cam[:, 2] >= NEAR_PLANE]
        uv = project_points(points_cam, results["cam2img"])
        height, width = results["ori_shape"]
        inside = (uv >= 0).all(axis=1) & (uv < (width, height)).all(axis=1)
        points_cam, uv = points_cam[inside], uv[inside]
        results["lidar_uvz"] = np.concatenate([uv, points_cam[:, 2:]], axis=1).astype(np.float32)
        results["points_obj"], results["points_uv"] = [], []
        for center, dims, quaternion in self._boxes(results.get("annotations")):
            points_nus = (points_cam - center) @ Quaternion(quaternion).rotation_matrix
            length, height_obj, width_obj = dims
            member = (np.abs(points_nus) <= 0.5 * np.array([length, width_obj, height_obj])).all(1)
            forward, left, up = points_nus[member].T
            results["points_obj"].append(np.stack([forward, -up, left], 1).astype(np.float32))
            results["points_uv"].append(uv[member].astype(np.float32))
        return results

    def _read(self, path: str) -> np.ndarray:
        if not osp.isfile(path):
            return np.zeros((0, 3))
        values = np.fromfile(path, dtype=np.float32)
        if values.size % self.num_feats:
            raise SampleError(
                path,
                f"{values.size} numbers are no multiple of {self.num_feats} per point. "
                "Restore the lidar file from the data set",
            )
        points = values.reshape(-1, self.num_feats)[:, :3].astype(np.float64)
        return points[np.isfinite(points).all(axis=1)]

    @staticmethod
    def _boxes(annotations: CameraAnnotations | None):
        if annotations is None:
            return []
        return zip(annotations.centers, annotations.dims, annotations.rotations, strict=True)
