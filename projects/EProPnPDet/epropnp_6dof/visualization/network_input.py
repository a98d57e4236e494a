"""What the 6DoF network gets in training, after augmentation: the crop with its targets."""

import cv2
import numpy as np

from epropnp_data.geometry.rigid import RigidPose
from epropnp_results.pictures import coordinate_picture, weight_picture
from epropnp_results.pictures.boxes import draw_corners
from epropnp_results.pictures.palette import FOUND, TEXT, TRUTH, write

from ..bop.models import ObjectModel
from ..inference import object_pose, target_of
from ..models.rotations import quaternion_to_matrix
from ..models.structures import PoseDataSample

SIDE = 256  # of each picture, pixels; smaller crops are enlarged


def draw_crop(
    image: np.ndarray,
    sample: PoseDataSample,
    model: ObjectModel,
    found: PoseDataSample | None = None,
) -> np.ndarray:
    """Crop with boxes, target coordinates, and the coordinates and weights found; (H, W, 3) BGR.

    Args:
        image: (S, S, 3) BGR, the network's input.
        sample: packed by `PackPoseInputs`, with targets.
        model: the object; its box is drawn in the true pose (blue) and the one found (orange).
        found: the same sample with predictions.
    """
    side = max(SIDE, image.shape[0])
    picture = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)
    camera = crop_camera(sample, side)
    if "poses_gt" in sample.crop:
        pose = sample.crop.poses_gt.cpu().double()
        true = RigidPose(quaternion_to_matrix(pose[3:]).numpy(), pose[:3].numpy())
        draw_corners(picture, true.apply(model.box_corners), camera, TRUTH, 1)
    panels = {"crop": picture}
    if "noc_gt" in sample.crop:
        target = coordinate_picture(sample.crop.noc_gt.cpu().numpy(), side)
        mask = sample.crop.mask_gt.cpu().numpy()[0]
        mask = cv2.resize(mask, (side, side), interpolation=cv2.INTER_NEAREST) > 0
        panels["target coordinates"] = target * mask[..., None]
    if found is not None:
        item = object_pose(target_of(sample), found)
        if item.valid:
            draw_corners(picture, item.pose.apply(model.box_corners), camera, FOUND, 1)
        panels["coordinates"] = coordinate_picture(item.maps.noc.numpy(), side)
        panels["weights"] = weight_picture(item.maps.weight_logits.numpy(), side)
    for title, panel in panels.items():
        write(panel, title, (4, 12), TEXT, 8)
    return np.hstack(list(panels.values()))


def crop_camera(sample: PoseDataSample, side: int) -> np.ndarray:
    """Camera matrix (3, 3) of the crop as a picture of ``side`` pixels, continuous pixels."""
    crop = sample.crop.cpu().numpy()
    zoom = side / (sample.num_cells * float(crop.grid_step))
    shift = side / (2 * sample.num_cells) - zoom * crop.grid_origin  # half a cell to its middle
    to_crop = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]], [0, 0, 1]])
    return to_crop @ crop.cam_mats
