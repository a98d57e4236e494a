"""Auxiliary losses: regions, pooling over overlaps, depth."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmcv.ops import roi_align

from det_train_reference import TrainReference
from epropnp_det.models.pose import PoseSolver
from epropnp_det.models.structures import BatchGeometry, FeatureMaps
from epropnp_det.models.training.auxiliary import LidarDepthHead
from epropnp_det.models.training.auxiliary.cross_roi import cross_roi_logsumexp, find_overlaps
from epropnp_det.models.training.auxiliary.roi_correspondences import average_samples
from epropnp_det.models.training.auxiliary.roi_features import (
    extract_roi_features,
    roi_coordinates,
)
from epropnp_det.models.training.targets import LidarPoints


@pytest.fixture(scope="module")
def reference(golden_file):
    return TrainReference(golden_file)


def random_rois(num: int, num_imgs: int, size: float, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    start = torch.rand(num, 2, generator=generator) * size * 0.7
    extent = (0.05 + 0.3 * torch.rand(num, 2, generator=generator)) * size
    images = torch.randint(num_imgs, (num, 1), generator=generator).sort(0).values
    return torch.cat([images, start, start + extent], 1)


def pairwise_logsumexp(values: torch.Tensor, rois: torch.Tensor) -> torch.Tensor:
    """Region by region, in plain loops."""
    size = values.shape[-1]
    centers = (torch.arange(size, dtype=rois.dtype) + 0.5) / size
    pooled = []
    for i, roi in enumerate(rois):
        stack = [values[i]]
        for j, other in enumerate(rois):
            lower, upper = torch.maximum(roi, other)[1:3], torch.minimum(roi, other)[3:]
            if i == j or roi[0] != other[0] or (upper <= lower).any():
                continue
            x = roi[1] + centers * (roi[3] - roi[1])
            y = roi[2] + centers * (roi[4] - roi[2])
            x = 2 * (x - other[1]) / (other[3] - other[1]) - 1
            y = 2 * (y - other[2]) / (other[4] - other[2]) - 1
            grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
            sampled = F.grid_sample(
                values[j][None], grid[None], padding_mode="border", align_corners=False
            )[0]
            stack.append(torch.where((grid.abs() <= 1).all(-1), sampled, -torch.inf))
        pooled.append(torch.stack(stack).logsumexp(0))
    return torch.stack(pooled)


class TestCrossRoI:
    def test_equals_recorded_values(self, golden_file):
        arrays = np.load(golden_file("geometry.npz"))
        rois, values, expected = (
            torch.from_numpy(arrays[name]) for name in ("rois", "roi_in", "roi_lse")
        )
        overlaps = find_overlaps(rois, (14, 14))
        # cells are interpolated at pixels around 100, known to 100 * 2**-24 = 6e-6 in float32
        torch.testing.assert_close(
            cross_roi_logsumexp(values, overlaps), expected, rtol=1e-5, atol=3e-5
        )

    def test_equals_pairwise_loops(self):
        rois = random_rois(12, 2, 100.0).double()
        values = torch.randn(12, 3, 7, 7, dtype=torch.float64)
        overlaps = find_overlaps(rois, (7, 7))
        assert len(overlaps.targets) > 10
        torch.testing.assert_close(
            cross_roi_logsumexp(values, overlaps), pairwise_logsumexp(values, rois)
        )

    def test_gradient(self):
        rois = random_rois(4, 1, 50.0).double()
        overlaps = find_overlaps(rois, (3, 3))
        assert len(overlaps.targets) > 0
        values = torch.randn(4, 2, 3, 3, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda v: cross_roi_logsumexp(v, overlaps), values)

    def test_alone_or_none_is_the_identity(self):
        rois = torch.tensor([[0.0, 0, 0, 10, 10], [1.0, 0, 0, 10, 10], [0, 10, 0, 20, 10]])
        values = torch.randn(3, 2, 5, 5)
        assert cross_roi_logsumexp(values, find_overlaps(rois, (5, 5))).equal(values)
        none = cross_roi_logsumexp(values[:0], find_overlaps(rois[:0], (5, 5)))
        assert none.shape == (0, 2, 5, 5)

    def test_identical_regions_add_up(self):
        rois = torch.tensor([[0.0, 5, 5, 25, 25]]).expand(3, 5)
        values = torch.randn(3, 1, 4, 4)
        pooled = cross_roi_logsumexp(values, find_overlaps(rois, (4, 4)))
        torch.testing.assert_close(pooled, values.logsumexp(0, keepdim=True).expand(3, 1, 4, 4))


def image_geometry(transforms, img_shapes, pad_shape) -> BatchGeometry:
    num = len(transforms)
    camera = torch.tensor([[100.0, 0, 60], [0, 110, 50], [0, 0, 1]])
    return BatchGeometry(
        camera.expand(num, 3, 3),
        torch.tensor(transforms),
        torch.tensor(img_shapes),
        torch.tensor([[120.0, 140.0]]).expand(num, 2),
        torch.tensor([t[0][0] < 0 for t in transforms]),
        pad_shape,
    )


GEOMETRY = image_geometry(
    [
        [[1.0, 0, 0], [0, 1, -20], [0, 0, 1]],
        [[-1.5, 0, 120], [0, 1.5, 3], [0, 0, 1]],
    ],
    [[90.0, 120.0], [96.0, 110.0]],
    (96, 128),
)


class TestRoIFeatures:
    def test_equals_recorded_features(self, reference):
        features = FeatureMaps(reference["key"], reference["value"], 8)
        rois = extract_roi_features(
            features, reference.ground_truth(), torch.arange(7), reference.geometry(), 14
        )
        assert rois.rois.equal(reference["roi_boxes"])
        torch.testing.assert_close(
            rois.x2d.permute(0, 3, 1, 2), reference["roi_x2d"], rtol=1e-6, atol=1e-4
        )
        torch.testing.assert_close(rois.key[0], reference["roi_key_first"])
        torch.testing.assert_close(rois.value[0], reference["roi_value_first"])
        for name in ("key", "value"):
            std, mean = torch.std_mean(getattr(rois, name).double())
            recorded = reference[f"roi_{name}_meanstd"]
            torch.testing.assert_close(torch.stack([mean, std]), recorded, rtol=1e-6, atol=1e-8)

    @pytest.mark.parametrize("roi_size", [4, 14])
    def test_coordinates_equal_a_pooled_full_resolution_map(self, roi_size):
        """RoIAlign of a map of original pixel centres, edge padded, as in the published code."""
        boxes = random_rois(20, 1, 90.0)[:, 1:]
        boxes[:4] = torch.tensor(
            [[0.0, 0, 110, 90], [0, 30, 9, 37], [101, 70, 110, 90], [5.2, 5.3, 6.1, 6.0]]
        )
        img_inds = torch.arange(20) % 2
        maps = []
        for transform, (height, width) in zip(
            GEOMETRY.img_transforms.double(), GEOMETRY.img_shapes.double(), strict=True
        ):
            y = (torch.arange(96).double() + 0.5).clamp(max=height - 0.5)
            x = (torch.arange(128).double() + 0.5).clamp(max=width - 0.5)
            grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
            grid = torch.cat([grid, torch.ones_like(grid[..., :1])], -1)
            maps.append((grid @ torch.linalg.inv(transform).T)[..., :2].permute(2, 0, 1))
        rois = torch.cat([img_inds[:, None].float(), boxes], 1).double()
        expected = roi_align(torch.stack(maps), rois, (roi_size, roi_size), 1.0, 0, "avg", True)
        # inside the image: boxes are clipped to it
        inside = (boxes[:, 2:] <= GEOMETRY.img_shapes[img_inds].flip(-1)).all(-1)
        assert inside.sum() > 12
        coordinates = roi_coordinates(boxes, img_inds, GEOMETRY, roi_size)
        torch.testing.assert_close(
            coordinates.permute(0, 3, 1, 2)[inside], expected[inside].float(), rtol=1e-5, atol=1e-4
        )

    def test_no_regions_keep_the_graph(self, reference):
        key = reference["key"].requires_grad_()
        rois = extract_roi_features(
            FeatureMaps(key, reference["value"], 8),
            reference.ground_truth(),
            torch.zeros(0).long(),
            reference.geometry(),
            14,
        )
        assert rois.key.shape == (0, 256, 14, 14)
        rois.key.sum().backward()
        assert (key.grad == 0).all()


def test_average_samples_is_a_weighted_mean(reference):
    objects, samples = reference.objects(), reference.samples()
    averages = average_samples(objects, samples, 7)
    for i, gt in enumerate(averages.gt_inds.tolist()):
        mine = samples.gt_inds == gt
        weights = (samples.weights[mine] / samples.weights[mine].sum())[:, None]
        torch.testing.assert_close(averages.dims[i], (weights * objects.dims[mine]).sum(0))
        query = objects.query[mine].flatten(1)
        torch.testing.assert_close(averages.query[i].flatten(), (weights * query).sum(0))
    assert not averages.dims.requires_grad


def test_projection_equals_the_camera_model(reference):
    truth, geometry = reference.ground_truth(), reference.geometry()
    x3d = torch.randn(7, 2, 5, 3)
    solver = PoseSolver(dict(type="EProPnP4DoF"))
    projected = solver.project(x3d, truth.poses, truth.img_inds, geometry)
    for i, pose in enumerate(truth.poses):
        cos, sin = pose[3].cos(), pose[3].sin()
        rotation = torch.tensor([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
        camera = geometry.cam_intrinsics[truth.img_inds[i]]
        pixels = (x3d[i] @ rotation.T + pose[:3]) @ camera.T
        torch.testing.assert_close(projected[i], pixels[..., :2] / pixels[..., 2:])


class TestDepth:
    @staticmethod
    def head() -> LidarDepthHead:
        torch.manual_seed(0)
        return LidarDepthHead(
            embed_dims=4,
            loss=dict(type="MVDGaussianMixtureNLLLoss", delta=0.3, init_sigma=0.3),
        )

    @staticmethod
    def lidar(uvz, img_inds) -> LidarPoints:
        return LidarPoints(
            None, None, None, torch.tensor(uvz).view(-1, 3), torch.tensor(img_inds).long()
        )

    def test_equals_plain_code(self):
        head = self.head()
        value = torch.randn(2, 4, 12, 16)
        points = [[30.0, 60, 12], [70, 50, 20], [33, 44, 5]]
        img_inds = [0, 1, 1]
        loss = head(FeatureMaps(None, value, 8), self.lidar(points, img_inds), GEOMETRY)
        losses = []
        for (u, v, depth), image in zip(points, img_inds, strict=True):
            x, y, _ = (GEOMETRY.img_transforms[image] @ torch.tensor([u, v, 1.0])).tolist()
            column, row = x / 8 - 0.5, y / 8 - 0.5
            feature = torch.zeros(4)
            for i, j in itertools.product((0, 1), (0, 1)):
                c, r = int(column // 1) + i, int(row // 1) + j
                weight = (1 - abs(column - c)) * (1 - abs(row - r))
                feature += weight * value[image, :, min(max(r, 0), 11), min(max(c, 0), 15)]
            output = head.layers(feature)
            pred = (output[0::2] * 15 + 15) * (105 / 1260)
            error = (pred - depth).abs() / 0.3
            tail = torch.where(error <= 0.3, error**2 / 2, 0.3 * error - 0.3**2 / 2)
            log_mixture = output[1::2].log_softmax(0)
            losses.append(-(log_mixture - tail - np.log(0.3)).logsumexp(0))
        # the running mean moved before it divided
        expected = torch.stack(losses).mean() / (0.9 + 0.1 / 0.3)
        torch.testing.assert_close(loss, expected)

    def test_no_points_reach_all_parameters(self):
        head = self.head()
        value = torch.randn(2, 4, 12, 16, requires_grad=True)
        loss = head(FeatureMaps(None, value, 8), self.lidar([], []), GEOMETRY)
        assert loss == 0
        loss.backward()
        assert (value.grad == 0).all()
        assert all(parameter.grad is not None for parameter in head.parameters())

    def test_modes_start_equally_likely(self):
        head = self.head()
        head.init_weights()
        weight = head.layers[-1].weight
        assert (weight[1::2] == 0).all()
        assert (weight[0::2] != 0).any()
