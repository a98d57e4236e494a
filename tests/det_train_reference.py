"""Inputs of the recorded training step, as the detector's own structures."""

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmdet3d.structures import CameraInstance3DBoxes, Det3DDataSample
from mmengine.structures import InstanceData
from torch import Tensor, nn

from epropnp_det.models.structures import BatchGeometry, ObjectPredictions, ObjectSamples
from epropnp_det.models.training.targets import GroundTruth, LidarPoints, make_point_grid

STRIDES = (8, 16, 32, 64, 128)
REGRESS_RANGES = ((-1, 48), (48, 96), (96, 192), (192, 384), (384, 1e8))
NUM_CLASSES = 10
PAD_SHAPE = (128, 256)
CLASS_MEANS = (
    (4.62, 1.73, 1.96), (6.94, 2.84, 2.52), (12.56, 3.89, 2.94), (11.22, 3.50, 2.95),
    (6.68, 3.21, 2.85), (1.70, 1.29, 0.61), (2.11, 1.46, 0.78), (0.73, 1.77, 0.67),
    (0.41, 1.08, 0.41), (0.50, 0.99, 2.52),
)  # fmt: skip
CLASS_STDS = (
    (0.46, 0.24, 0.16), (2.11, 0.84, 0.45), (4.50, 0.77, 0.54), (2.06, 0.49, 0.33),
    (3.23, 0.93, 1.07), (0.26, 0.35, 0.16), (0.33, 0.29, 0.17), (0.19, 0.19, 0.14),
    (0.14, 0.27, 0.13), (0.17, 0.15, 0.62),
)  # fmt: skip

OBJECT_FIELDS = {  # name in the recording -> field of the predictions
    "scale": "scale",
    "dim_dec": "dims",
    "noc": "noc",
    "w2d": "w2d",
    "score_pred": "score_logits",
    "velo": "velocities",
    "attr": "attr_logits",
}
PUBLISHED_NAMES = {
    "auxiliary.correspondences.regression": "corr_reg_aux",
    "auxiliary.depth.layers": "depth_branch",
    "auxiliary.depth.criterion": "loss_depth",
    "auxiliary.loss_regr": "loss_regr",
}


class TrainReference:
    """Arrays of ``det_v2_train_small.npz``; what was recorded in float32 is given as asked for."""

    def __init__(
        self, golden_file: Callable[[str], Path], dtype: torch.dtype = torch.float32
    ) -> None:
        self.arrays = np.load(golden_file("det_v2_train_small.npz"))
        self.dtype = dtype

    def __getitem__(self, key: str) -> Tensor:
        recorded = torch.from_numpy(self.arrays[key])
        return recorded.to(self.dtype) if recorded.dtype == torch.float32 else recorded

    def losses(self) -> dict[str, float]:
        """All recorded losses and what was logged with them."""
        names = [name for name in self.arrays if name.startswith("loss__")]
        return {name.removeprefix("loss__"): self[name].item() for name in names}

    def per_image(self, name: str) -> list[Tensor]:
        return [self[f"in_{name}_{i}"] for i in range(2)]

    def geometry(self) -> BatchGeometry:
        return BatchGeometry(
            torch.stack(self.per_image("cam_intrinsic")),
            torch.stack(self.per_image("img_transform")),
            torch.tensor([PAD_SHAPE, PAD_SHAPE]).to(self.dtype),
            torch.tensor([[160, 256], [160, 256]]).to(self.dtype),
            torch.tensor([False, True]),
            PAD_SHAPE,
        )

    def annotations(self) -> dict[str, Tensor]:
        """All annotations of both images, before small ones are dropped."""
        boxes = self.per_image("gt_bboxes_3d")
        return {
            "dims": torch.cat(boxes)[:, :3],
            "poses": torch.cat(boxes)[:, 3:],
            "bboxes": torch.cat(self.per_image("gt_bboxes")),
            "img_inds": torch.arange(2).repeat_interleave(torch.tensor([len(b) for b in boxes])),
        }

    def ground_truth(self) -> GroundTruth:
        keep = self["cent_valid"]
        annotations = {name: value[keep] for name, value in self.annotations().items()}
        return GroundTruth(
            labels=torch.cat(self.per_image("gt_labels"))[keep],
            centers=self["cent_centers2d"],
            velocities=torch.cat(self.per_image("gt_velo"))[keep],
            attr_labels=torch.cat(self.per_image("gt_attr"))[keep],
            lidar=self.lidar(),
            **annotations,
        )

    def lidar(self) -> LidarPoints:
        names = [f"{i}_{j}" for i, count in enumerate((5, 3)) for j in range(count)]
        names = [name for name, keep in zip(names, self["cent_valid"], strict=True) if keep]
        uvz = self.per_image("cam_pts_uvz")
        points = [self[f"in_gt_x3d_{name}"] for name in names]
        return LidarPoints(
            torch.cat(points),
            torch.cat([self[f"in_gt_x2d_{name}"] for name in names]),
            torch.arange(len(names)).repeat_interleave(torch.tensor([len(p) for p in points])),
            torch.cat(uvz),
            torch.arange(2).repeat_interleave(torch.tensor([len(each) for each in uvz])),
        )

    def point_grid(self):
        points = []
        for stride in STRIDES:
            ys, xs = torch.meshgrid(
                torch.arange(PAD_SHAPE[0] // stride),
                torch.arange(PAD_SHAPE[1] // stride),
                indexing="ij",
            )
            points.append(torch.stack([xs, ys], -1).flatten(0, 1).float() * stride + stride // 2)
        return make_point_grid(points, STRIDES, REGRESS_RANGES)

    def by_image(self, name: str) -> Tensor:
        """A recorded target of all levels, (B, P, ...) instead of one (B * h * w, ...) a level."""
        levels = [self[f"{name}_{level}"] for level in range(len(STRIDES))]
        return torch.cat([level.view(2, -1, *level.shape[1:]) for level in levels], 1)

    def sampled_points(self) -> tuple[Tensor, Tensor]:
        """Image and point of each recorded sample; recorded as level, image, point."""
        flat, per_level = self["obj_sample_point_inds"], [1024, 256, 64, 16, 4]
        starts = torch.tensor([0, *per_level]).cumsum(0)
        level = torch.bucketize(flat, starts[1:], right=True)
        counts = torch.tensor(per_level)[level] // 2
        local = flat - starts[level]
        return local // counts, starts[level] // 2 + local % counts

    def samples(self) -> ObjectSamples:
        gt_inds = self["obj_sample_gt_inds"]
        return ObjectSamples(
            *self.sampled_points(),
            labels=self.ground_truth().labels[gt_inds],
            gt_inds=gt_inds,
            weights=self["obj_sample_weights"],
            uniform_weights=self["obj_sample_uniform_weights"],
        )

    def objects(self) -> ObjectPredictions:
        return ObjectPredictions(
            query=self["sub_query"].squeeze(2),
            x2d=self["sub_x2d"],
            noc=self["sub_noc"],
            w2d=self["sub_w2d"],
            scale=self["sub_scale"],
            dims_code=self["sub_dim_enc"],
            dims=self["sub_dim_dec"],
            score_logits=self["sub_score_pred"],
            velocities=self["sub_velo"],
            attr_logits=self["sub_attr"],
        )

    def data_samples(self) -> list[Det3DDataSample]:
        """The annotations as the data set gives them."""
        samples = []
        for i, count in enumerate((5, 3)):
            boxes = self[f"in_gt_bboxes_3d_{i}"][:, [3, 4, 5, 0, 1, 2, 6]]
            sample = Det3DDataSample(metainfo={"img_shape": PAD_SHAPE})
            sample.lidar_uvz = self[f"in_cam_pts_uvz_{i}"]
            sample.gt_instances_3d = InstanceData(
                bboxes_3d=CameraInstance3DBoxes(boxes, origin=(0.5, 0.5, 0.5)),
                labels_3d=self[f"in_gt_labels_{i}"],
                attr_labels=self[f"in_gt_attr_{i}"],
                velocities=self[f"in_gt_velo_{i}"],
                bboxes=self[f"in_gt_bboxes_{i}"],
                points_obj=[self[f"in_gt_x3d_{i}_{j}"] for j in range(count)],
                points_uv=[self[f"in_gt_x2d_{i}_{j}"] for j in range(count)],
            )
            samples.append(sample)
        return samples

    def load_parameters(self, criterion: nn.Module) -> None:
        """Set the parameters of a criterion as in the recorded run."""
        with torch.no_grad():
            for name, parameter in criterion.named_parameters():
                for ours, published in PUBLISHED_NAMES.items():
                    name = name.replace(ours, published)
                parameter.copy_(named_parameter(f"bbox_head.{name}", tuple(parameter.shape)))


def cast(structure, dtype: torch.dtype):
    """Nested tuples and lists of tensors with their real numbers in another type."""
    if torch.is_tensor(structure):
        return structure.to(dtype) if structure.is_floating_point() else structure
    if isinstance(structure, list):
        return [cast(each, dtype) for each in structure]
    if hasattr(structure, "_fields"):
        return type(structure)(*(cast(each, dtype) for each in structure))
    return structure


def named_parameter(name: str, shape: tuple[int, ...]) -> Tensor:
    """The parameter that belongs to a published name, for names of the auxiliary modules."""
    normal = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    if name.endswith("bias"):
        normal = 0.01 * normal
    elif len(shape) >= 2:
        normal = normal * np.sqrt(2 / np.prod(shape[1:]))
    else:
        normal = 1 + 0.1 * normal
    return torch.as_tensor(normal, dtype=torch.float32)


def criterion_config() -> dict:
    """Criterion of the published v2 config."""
    mixture = "MVDGaussianMixtureNLLLoss"
    return dict(
        type="DetectionCriterion",
        center_target=dict(type="VolumeCenter"),
        assigner=dict(
            type="CenterAssigner", num_classes=NUM_CLASSES, regress_ranges=REGRESS_RANGES
        ),
        object_sampler=dict(type="CenternessSampler", num_classes=NUM_CLASSES),
        proposal_loss=dict(
            type="ProposalLoss",
            num_classes=NUM_CLASSES,
            loss_cls=dict(type="mmdet.FocalLoss", use_sigmoid=True, gamma=2.0, alpha=0.25),
            loss_centerness=dict(type="mmdet.CrossEntropyLoss", use_sigmoid=True),
            loss_rp=dict(type="mmdet.SmoothL1Loss", beta=1.0),
            loss_bbox=dict(type="mmdet.GIoULoss", eps=1e-7, loss_weight=0.5),
        ),
        object_loss=dict(
            type="ObjectLoss",
            dim_coder=dict(
                type="MultiClassLogDimCoder", target_means=CLASS_MEANS, target_stds=CLASS_STDS
            ),
            loss_pose=dict(type="MonteCarloPoseLoss", loss_weight=0.5, momentum=0.01),
            loss_dim=dict(type="mmdet.SmoothL1Loss", beta=1.0),
            loss_score=dict(type="mmdet.CrossEntropyLoss", use_sigmoid=True),
            loss_reg_pos=dict(type="VectorSmoothL1Loss", beta=1.0, loss_weight=0.05),
            loss_reg_orient=dict(type="CosineAngleLoss", loss_weight=0.05),
            loss_velo=dict(type="mmdet.SmoothL1Loss", beta=1.0, loss_weight=0.05),
            loss_attr=dict(type="mmdet.CrossEntropyLoss", loss_weight=0.5),
        ),
        auxiliary=dict(
            type="AuxiliaryLosses",
            embed_dims=256,
            num_heads=8,
            loss_proj=dict(type=mixture, delta=2.0, loss_weight=0.5),
            loss_regr=dict(type=mixture, delta=2.0, init_sigma=0.2, loss_weight=2.5),
            depth=dict(
                type="LidarDepthHead",
                embed_dims=256,
                loss=dict(type=mixture, delta=0.3, init_sigma=0.3, loss_weight=1.5),
            ),
        ),
    )
