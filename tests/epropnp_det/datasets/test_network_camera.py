"""Ground truth in the camera of the network input: it projects onto the pixels that show it."""

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmdet3d.registry import DATASETS, TRANSFORMS
from mmdet3d.structures import CameraInstance3DBoxes

from epropnp_data.vocabulary import Vocabulary

STEPS = [
    dict(type="LoadMonoImage"),
    dict(type="LoadMonoAnnotations"),
    dict(type="MonoResize", scale=(300, 200)),
    dict(type="MonoFlip", prob=None),
    dict(type="MonoCrop", region=(0, 0.2, 0.9, 1), unit="fraction"),
]


@pytest.fixture
def pair(nuscenes_root):
    """Packs the same image twice: as seen by the network, and in the unmirrored frame."""

    def load(flip):
        steps = [dict(step) for step in STEPS]
        steps[3]["prob"] = float(flip)
        dataset = DATASETS.build(
            dict(
                type="NuScenesMonoDataset",
                data_root=str(nuscenes_root),
                ann_file="nuscenes_infos_train.pkl",
                pipeline=[],
            )
        )
        loaded = Compose([TRANSFORMS.build(step) for step in steps])
        results = next(r for i in range(len(dataset)) if (r := loaded(dataset.get_data_info(i))))
        packs = ("PackNetworkCameraInputs", "PackMonoInputs")
        return [TRANSFORMS.build(dict(type=t)).transform(results)["data_samples"] for t in packs]

    return load


@pytest.mark.parametrize("flip", [False, True])
def test_centers_project_to_the_same_pixels(pair, flip):
    network, plain = pair(flip)
    truth = network.gt_instances_3d
    assert len(truth) > 0
    # unmirrored frame, original camera, then the motion of the pixels
    centers = plain.gt_instances_3d.bboxes_3d.gravity_center.double().numpy()
    pixels = centers @ plain.cam_intrinsic.T.astype(float) @ plain.img_transform.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    np.testing.assert_allclose(truth.centers_2d.numpy(), pixels, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(truth.depths.numpy(), centers[:, 2], rtol=1e-5)
    # the heads decode with cam2img: centre and depth give back the box
    assert network.scale_factor == (1.0, 1.0)
    rays = np.linalg.solve(network.cam2img, np.c_[truth.centers_2d, np.ones(len(truth))].T).T
    found = rays * truth.depths.numpy()[:, None]
    np.testing.assert_allclose(truth.bboxes_3d.gravity_center.numpy(), found, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("flip", [False, True])
def test_corners_are_those_of_the_mirrored_scene(pair, flip):
    network, plain = pair(flip)
    boxes, expected = network.gt_instances_3d.bboxes_3d, plain.gt_instances_3d.bboxes_3d
    corners, mirrored = boxes.corners.numpy(), expected.corners.numpy().copy()
    mirrored[..., 0] *= -1 if flip else 1

    def in_order(points):
        rounded = points.round(3)
        return [sorted(map(tuple, box)) for box in rounded]

    np.testing.assert_allclose(in_order(corners), in_order(mirrored), atol=5e-3)
    heading = torch.stack((boxes.yaw.cos(), -boxes.yaw.sin()), dim=-1)
    expected_heading = torch.stack((expected.yaw.cos(), -expected.yaw.sin()), dim=-1)
    expected_heading[:, 0] *= -1 if flip else 1
    torch.testing.assert_close(heading, expected_heading)
    velocities = plain.gt_instances_3d.velocities.nan_to_num()
    velocities[:, 0] *= -1 if flip else 1
    torch.testing.assert_close(boxes.tensor[:, 7:], velocities)


def test_no_attribute_where_it_is_unknown(pair):
    network, plain = pair(False)
    known = plain.gt_instances_3d.attr_labels >= 0
    attributes = network.gt_instances_3d.attr_labels
    assert (attributes[~known] == 8).all()
    torch.testing.assert_close(attributes[known], plain.gt_instances_3d.attr_labels[known])
    torch.testing.assert_close(network.gt_instances.bboxes, plain.gt_instances_3d.bboxes)


@pytest.mark.parametrize(
    ("attributes", "label"), [((), 0), (("moving", "parked"), 2), (("none", "moving"), 0)]
)
def test_other_data_sets_have_other_attributes_or_none(attributes, label):
    """A box without a known attribute, as a plain file or KITTI gives it; no velocity either."""
    boxes = CameraInstance3DBoxes(torch.tensor([[0.0, 1, 9, 4, 1.5, 1.8, 0.3]]), box_dim=7)
    results = dict(
        img=np.zeros((40, 60, 3), np.uint8),
        cam_intrinsic=np.array([[50.0, 0, 30], [0, 50, 20], [0, 0, 1]]),
        img_transform=np.eye(3),
        flip=False,
        vocabulary=Vocabulary(("car",), attributes),
        gt_bboxes=np.array([[10.0, 10, 50, 30]], np.float32),
        gt_bboxes_3d=boxes,
        gt_labels_3d=np.array([0]),
        attr_labels=np.array([-1]),
        velocities=np.full((1, 2), np.nan, np.float32),
        truncation=np.zeros(1, np.float32),
        visibility=np.zeros(1, np.int64),
    )
    packed = TRANSFORMS.build(dict(type="PackNetworkCameraInputs")).transform(results)
    truth = packed["data_samples"].gt_instances_3d
    assert truth.attr_labels.tolist() == [label]
    assert truth.bboxes_3d.tensor[0, 7:].tolist() == [0, 0]
