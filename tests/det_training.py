"""A small detector and batches to train it on, for tests of training steps."""

from pathlib import Path

import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import CameraInstance3DBoxes, Det3DDataSample
from mmengine import Config
from mmengine.structures import InstanceData
from torch import Tensor, nn

IMG_SHAPE = (96, 160)
CAMERA = torch.tensor([[130.0, 0, 80], [0, 130, 48], [0, 0, 1]])


def small_detector(repo_dir: Path) -> nn.Module:
    """The detector of the demo, with few Monte Carlo samples."""
    path = repo_dir / "configs/epropnp_det/epropnp-det-v2_r18-fpn_demo_synthetic.py"
    model = Config.fromfile(path).model
    model.bbox_head.criterion.object_sampler.num_per_img = 8
    torch.manual_seed(0)
    detector = MODELS.build(model)
    detector.init_weights()
    return detector


def project(points_cam: Tensor) -> Tensor:
    """Pixels (n, 2) of points (n, 3)."""
    pixels = points_cam @ CAMERA.T
    return pixels[:, :2] / pixels[:, 2:]


def annotation(boxes: Tensor, num_points: int = 40) -> tuple[InstanceData, Tensor]:
    """Ground truth of boxes (G, 7) x, y, z, l, h, w, yaw, and its lidar points (P, 3) u, v, z."""
    bboxes, points_obj, points_uv, uvz = [], [], [], [torch.zeros(0, 3)]
    for box in boxes:
        local = (torch.rand(num_points, 3) - 0.5) * box[3:6]
        cos, sin = box[6].cos(), box[6].sin()
        rotation = torch.tensor([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
        corners = (torch.cartesian_prod(*[torch.tensor([-0.5, 0.5])] * 3)) * box[3:6]
        corners = project(corners @ rotation.T + box[:3])
        bboxes.append(torch.cat([corners.amin(0), corners.amax(0)]))
        points_cam = local @ rotation.T + box[:3]
        points_obj.append(local)
        points_uv.append(project(points_cam))
        uvz.append(torch.cat([points_uv[-1], points_cam[:, 2:]], 1))
    num = len(boxes)
    instances = InstanceData(
        bboxes_3d=CameraInstance3DBoxes(boxes, origin=(0.5, 0.5, 0.5)),
        labels_3d=torch.arange(num) % 10,
        attr_labels=torch.arange(num) % 9,
        velocities=torch.randn(num, 2),
        bboxes=torch.stack(bboxes) if num else torch.zeros(0, 4),
        points_obj=points_obj,
        points_uv=points_uv,
    )
    return instances, torch.cat(uvz)


def data_sample(boxes: list[list[float]], flip: bool = False) -> Det3DDataSample:
    """A data sample with boxes x, y, z, l, h, w, yaw."""
    transform = torch.eye(3)
    instances, uvz = annotation(torch.tensor(boxes).view(-1, 7))
    if flip:
        width = IMG_SHAPE[1]
        transform = torch.tensor([[-1.0, 0, width], [0, 1, 0], [0, 0, 1]])
        x1, y1, x2, y2 = instances.bboxes.unbind(-1)
        instances.bboxes = torch.stack([width - x2, y1, width - x1, y2], -1)
    sample = Det3DDataSample(
        metainfo={
            "cam_intrinsic": CAMERA.numpy(),
            "img_transform": transform.numpy(),
            "img_shape": IMG_SHAPE,
            "ori_shape": IMG_SHAPE,
            "pad_shape": IMG_SHAPE,
            "batch_input_shape": IMG_SHAPE,
            "flip": flip,
        }
    )
    sample.gt_instances_3d = instances
    sample.lidar_uvz = uvz
    return sample


TWO_CARS = [[-2.0, 0.3, 12, 4.2, 1.6, 1.9, 0.4], [2.5, 0.4, 16, 4.5, 1.7, 2.0, -1.2]]
NEAR_TRUCK = [[0.5, 0.0, 9, 6.0, 2.8, 2.5, 1.5]]
