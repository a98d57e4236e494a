"""A small detector that runs on a CPU in a fraction of a second, and data samples for it."""

from pathlib import Path

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import CameraInstance3DBoxes, Det3DDataSample
from mmengine import Config, ConfigDict
from mmengine.structures import InstanceData
from torch import nn

import epropnp_det  # noqa: F401 - registers the parts

IMAGE_SIZE = (128, 256)
_BOXES = torch.tensor(  # x, y, z, l, h, w, yaw
    [[0.0, 0.5, 8, 4, 1.6, 1.8, 0.3], [4, 0.5, 15, 1, 1.7, 0.8, -1]]
)
_BBOXES = torch.tensor([[80.0, 50, 180, 110], [160, 60, 190, 90]])


V2 = "_base_/models/epropnp_det_v2.py"


def small_model_config(repo_dir: Path, config: str = V2) -> ConfigDict:
    """A config's model, 64 wide, on a ResNet-18 without deformable convolutions."""
    model = Config.fromfile(repo_dir / "configs" / config).model
    width, norm_cfg = 64, dict(type="GN", num_groups=8)
    out_indices = model.backbone.out_indices
    model.backbone = dict(
        type="mmdet.ResNet", depth=18, out_indices=out_indices, norm_cfg=dict(type="BN")
    )
    in_channels = [64, 128, 256, 512][-len(out_indices) :]
    model.neck.update(in_channels=in_channels, out_channels=width)
    head = model.bbox_head
    head.update(embed_dims=width, num_points=4)
    head.detector.update(centerness_channels=32, dcn_on_last_conv=False, norm_cfg=norm_cfg)
    head.dense_features.update(conv_channels=(width, width), norm_cfg=norm_cfg)
    head.attention_sampler.ffn_channels = 128
    head.correspondence_head.ffn_channels = 64
    head.criterion.object_sampler.num_per_img = 8
    return model


def published_config(repo_dir: Path, variant: str) -> str:
    """Name of the config of published weights, for example of "v1b-220411"."""
    folder = repo_dir / "configs"
    (path,) = (folder / "epropnp_det/published").glob(f"epropnp-det-{variant}_*nus-mono3d.py")
    return path.relative_to(folder).as_posix()


def build_small_detector(repo_dir: Path, config: str = V2, **test_cfg: object) -> nn.Module:
    """A small detector with seeded weights, in evaluation mode; proposes many objects."""
    model = small_model_config(repo_dir, config)
    model.test_cfg.update(max_obj_per_img=20, **test_cfg)
    torch.manual_seed(0)
    detector = MODELS.build(model)
    nn.init.zeros_(detector.bbox_head.detector.conv_cls.bias)
    nn.init.normal_(detector.bbox_head.detector.conv_cls.weight, std=0.3)
    return detector.eval()


def make_sample(num_objects: int = 2, flip: bool = False, num_lidar: int = 60) -> Det3DDataSample:
    """Annotated data sample of an image of ``IMAGE_SIZE``."""
    width = IMAGE_SIZE[1]
    mirror = np.array([[-1.0, 0, width], [0, 1, 0], [0, 0, 1]])
    sample = Det3DDataSample()
    sample.set_metainfo(
        dict(
            cam_intrinsic=np.array([[200.0, 0, 128], [0, 200, 64], [0, 0, 1]]),
            img_transform=mirror if flip else np.eye(3),
            img_shape=IMAGE_SIZE,
            ori_shape=IMAGE_SIZE,
            pad_shape=IMAGE_SIZE,
            flip=flip,
        )
    )
    rng = np.random.default_rng(num_objects)
    bboxes = _BBOXES[:num_objects]
    if flip:
        bboxes = torch.stack(
            (width - bboxes[:, 2], bboxes[:, 1], width - bboxes[:, 0], bboxes[:, 3]), 1
        )
    sample.gt_instances_3d = InstanceData(
        bboxes_3d=CameraInstance3DBoxes(_BOXES[:num_objects], box_dim=7, origin=(0.5, 0.5, 0.5)),
        labels_3d=torch.tensor([0, 7])[:num_objects],
        attr_labels=torch.tensor([5, 2])[:num_objects],
        velocities=torch.tensor([[1.0, 2.0], [np.nan, np.nan]])[:num_objects],
        bboxes=bboxes,
        points_obj=[_uniform(rng, 5, (-0.5,) * 3, (0.5,) * 3) for _ in range(num_objects)],
        points_uv=[_uniform(rng, 5, (80, 50), (180, 110)) for _ in range(num_objects)],
    )
    sample.lidar_uvz = _uniform(rng, num_lidar, (0, 0, 2), (256, 128, 40))
    return sample


def make_batch(samples: list[Det3DDataSample], seed: int = 0) -> dict:
    """Batch of random images, or of one image and its mirror image for flipped samples."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 255, (3, *IMAGE_SIZE), dtype=np.uint8)
    images = [image[..., ::-1] if sample.metainfo["flip"] else image for sample in samples]
    tensors = [torch.from_numpy(np.ascontiguousarray(image)) for image in images]
    return dict(inputs=dict(img=tensors), data_samples=samples)


def _uniform(rng: np.random.Generator, num: int, low: tuple, high: tuple) -> torch.Tensor:
    return torch.from_numpy(rng.uniform(low, high, (num, len(low)))).float()
