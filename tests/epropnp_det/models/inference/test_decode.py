"""From poses to detections: scores, filters, suppression and its switches."""

import pytest
import torch

from epropnp_det.models.inference.decode import decode
from epropnp_det.models.inference.settings import InferenceSettings
from epropnp_det.models.structures import (
    BatchGeometry,
    ObjectPredictions,
    PoseEstimates,
    Proposals,
)


def make_inputs(poses, labels=None, img_inds=None, scores=None):
    """Cars of 4 x 1.6 x 1.8 m at the given poses."""
    poses = torch.tensor(poses, dtype=torch.float32).reshape(-1, 4)
    num = len(poses)
    labels = torch.tensor(labels or [0] * num, dtype=torch.long)
    img_inds = torch.tensor(img_inds or [0] * num, dtype=torch.long)
    scores = torch.linspace(0.9, 0.5, num) if scores is None else torch.tensor(scores)
    objects = ObjectPredictions(
        query=torch.zeros(num, 2, 4),
        x2d=torch.zeros(num, 8, 2),
        noc=torch.zeros(num, 8, 3),
        w2d=torch.zeros(num, 8, 2),
        scale=torch.ones(num, 2),
        dims_code=torch.zeros(num, 3),
        dims=torch.tensor([4.0, 1.6, 1.8]).repeat(num, 1),
        score_logits=torch.zeros(num),
        velocities=torch.arange(2.0 * num).view(num, 2),
        attr_logits=torch.eye(9)[torch.arange(num) % 9],
    )
    estimates = PoseEstimates(poses, scores, None, torch.ones(num, dtype=torch.bool))
    proposals = Proposals(
        img_inds=img_inds,
        point_inds=torch.zeros_like(labels),
        labels=labels,
        embeddings=torch.zeros(num, 8),
        centers=torch.zeros(num, 2),
        strides=torch.ones(num),
        cls_probs=torch.full((num,), 0.8),
        max_per_img=num,
    )
    num_images = int(img_inds.max()) + 1 if num else 1
    size = torch.tensor([200.0, 400.0]).repeat(num_images, 1)
    camera = torch.tensor([[200.0, 0, 200], [0, 200, 100], [0, 0, 1]]).repeat(num_images, 1, 1)
    flips = torch.zeros(num_images, dtype=torch.bool)
    eye = torch.eye(3).repeat(num_images, 1, 1)
    return objects, estimates, proposals, BatchGeometry(camera, eye, size, size, flips, (200, 400))


def run(inputs, **settings):
    return decode(*inputs, InferenceSettings(**settings))


APART = [[-6.0, 0, 15, 0.1], [6, 0, 15, 0.1]]
SAME = [[0.0, 0, 15, 0.1], [0.1, 0, 15.2, 0.1]]


def test_fields():
    (result,) = run(make_inputs(APART))
    torch.testing.assert_close(result.scores_3d, torch.tensor([0.9, 0.5]) * 0.8)
    torch.testing.assert_close(result.scores_2d, torch.tensor([0.8, 0.8]))
    torch.testing.assert_close(result.bboxes_3d.gravity_center, torch.tensor(APART)[:, :3])
    torch.testing.assert_close(result.bboxes_3d.dims[0], torch.tensor([4.0, 1.6, 1.8]))
    torch.testing.assert_close(result.bboxes_3d.yaw, torch.tensor([0.1, 0.1]))
    torch.testing.assert_close(result.bboxes_3d.tensor[:, 7:], torch.tensor([[0.0, 1], [2, 3]]))
    assert result.attr_labels.tolist() == [0, 1]
    assert "pose_cov" not in result


def test_duplicates_of_one_class_in_one_image_are_suppressed():
    (result,) = run(make_inputs(SAME))
    torch.testing.assert_close(result.scores_3d, torch.tensor([0.72]))
    (result,) = run(make_inputs(SAME, labels=[0, 1]))
    assert len(result) == 2
    first, second = run(make_inputs(SAME, img_inds=[0, 1]))
    assert len(first) == len(second) == 1


def test_boxes_apart_on_the_ground_survive_although_they_overlap_in_the_image():
    in_line = [[0.0, 0, 15, 1.57], [0, 0, 24, 1.57]]
    (result,) = run(make_inputs(in_line))
    assert len(result) == 2


@pytest.mark.parametrize(("drop", "left"), [(False, 1), (True, 0)])
def test_a_lone_detection(drop, left):
    (result,) = run(make_inputs(APART[:1]), drop_lone_box=drop)
    assert len(result) == left


def test_invisible_and_failed_poses_are_dropped():
    inputs = make_inputs([[0.0, 0, 15, 0], [0, 0, -15, 0], [0, 0, 600, 0], [40, 0, 15, 0]])
    (result,) = run(inputs)
    assert len(result) == 1  # the others: behind, smaller than four pixels, beside the image
    objects, estimates, proposals, geometry = make_inputs(APART)
    poses = estimates.poses.clone()
    poses[0, 2] = torch.nan
    failed = estimates._replace(poses=poses, valid=torch.tensor([False, True]))
    (result,) = decode(objects, failed, proposals, geometry, InferenceSettings())
    torch.testing.assert_close(result.bboxes_3d.gravity_center, torch.tensor(APART[1:])[:, :3])


def test_nothing():
    (result,) = run(make_inputs([]))
    assert len(result) == 0
    assert result.bboxes_3d.tensor.shape == (0, 9)


def test_optional_branches():
    objects, *rest = make_inputs(APART)
    (result,) = decode(
        objects._replace(velocities=None, attr_logits=None), *rest, InferenceSettings()
    )
    assert "attr_labels" not in result
    assert result.bboxes_3d.tensor[:, 7:].isnan().all()


@pytest.mark.parametrize("name", ["near_plane", "tta_mirror"])
def test_unknown_choices_are_refused(name):
    with pytest.raises(ValueError, match=f"test_cfg.{name}"):
        InferenceSettings(**{name: "none"})
