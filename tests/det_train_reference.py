"""Inputs of the recorded training step, as the detector's own structures."""

from pathlib import Path

import numpy as np
import torch
from epropnp_det.models.structures import BatchGeometry
from epropnp_det.models.targets import GroundTruth, LidarPoints, make_point_grid
from torch import Tensor

STRIDES = (8, 16, 32, 64, 128)
REGRESS_RANGES = ((-1, 48), (48, 96), (96, 192), (192, 384), (384, 1e8))
NUM_CLASSES = 10
PAD_SHAPE = (128, 256)


class TrainReference:
    """Arrays of ``det_v2_train_small.npz``, float32 as recorded."""

    def __init__(self, reference_dir: Path) -> None:
        self.arrays = np.load(reference_dir / "golden" / "det_v2_train_small.npz")

    def __getitem__(self, key: str) -> Tensor:
        return torch.from_numpy(self.arrays[key])

    def per_image(self, name: str) -> list[Tensor]:
        return [self[f"in_{name}_{i}"] for i in range(2)]

    def geometry(self) -> BatchGeometry:
        return BatchGeometry(
            torch.stack(self.per_image("cam_intrinsic")),
            torch.stack(self.per_image("img_transform")),
            torch.tensor([PAD_SHAPE, PAD_SHAPE]).float(),
            torch.tensor([[160.0, 256], [160, 256]]),
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
