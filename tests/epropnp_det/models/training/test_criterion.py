"""One training step of the small detector, with everything that a batch may lack."""

import pytest
import torch
from torch import distributed

from det_training import IMG_SHAPE, NEAR_TRUCK, TWO_CARS, data_sample, small_detector

LOSSES = {
    *("loss_cls", "loss_rp", "loss_centerness", "loss_bbox"),
    *("loss_pose", "loss_reg_pos", "loss_reg_orient", "loss_dim", "loss_score"),
    *("loss_velo", "loss_attr", "loss_proj", "loss_regr", "loss_depth"),
}
FAR_CONE = [[6.0, 1.0, 60, 0.4, 1.0, 0.4, 0.0]]  # 2 pixels high: too small to train on


@pytest.fixture
def detector(repo_dir):
    return small_detector(repo_dir).train()


def step(detector, data_samples):
    """Losses and gradients of one step on random images."""
    torch.manual_seed(1)
    images = torch.randn(len(data_samples), 3, *IMG_SHAPE)
    losses = detector.loss({"imgs": images}, data_samples)
    total, _ = detector.parse_losses(losses)
    detector.zero_grad()
    total.backward()
    return losses


def assert_all_parameters_reached(detector):
    for name, parameter in detector.named_parameters():
        assert parameter.grad is not None, f"{name} is not in the graph"
        assert parameter.grad.isfinite().all(), f"{name} has a gradient that is not finite"


def without_lidar(sample):
    del sample.lidar_uvz
    del sample.gt_instances_3d.points_obj
    del sample.gt_instances_3d.points_uv
    return sample


def test_step_with_objects(detector):
    torch.manual_seed(0)
    losses = step(detector, [data_sample(TWO_CARS), data_sample(NEAR_TRUCK, flip=True)])
    assert losses.keys() == LOSSES | {"ate", "norm_factor"}
    assert all(loss.isfinite() for loss in losses.values())
    assert all(losses[name] != 0 for name in LOSSES)
    assert_all_parameters_reached(detector)
    silent = {name for name, p in detector.bbox_head.named_parameters() if not p.grad.any()}
    assert not silent


@pytest.mark.parametrize(
    "boxes", [[], FAR_CONE], ids=["no annotation", "annotation too small to train on"]
)
def test_step_without_objects(detector, boxes):
    losses = step(detector, [data_sample(boxes), data_sample(boxes)])
    assert losses.keys() == LOSSES | {"ate", "norm_factor"}
    background = {"loss_cls", "norm_factor"} | ({"loss_depth"} if boxes else set())
    for name, loss in losses.items():
        assert (loss != 0) == (name in background), name
    assert_all_parameters_reached(detector)
    object_loss = detector.bbox_head.criterion.object_loss
    assert object_loss.loss_pose.norm_factor == 1


def test_step_with_one_empty_image(detector):
    losses = step(detector, [data_sample([]), data_sample(TWO_CARS), data_sample([])])
    assert all(losses[name] != 0 for name in LOSSES)
    assert_all_parameters_reached(detector)


def test_step_without_lidar(detector):
    torch.manual_seed(0)
    losses = step(detector, [without_lidar(data_sample(TWO_CARS))])
    assert losses["loss_regr"] == 0
    assert losses["loss_depth"] == 0
    assert losses["loss_proj"] != 0
    assert_all_parameters_reached(detector)


def test_unknown_velocities_and_attributes_are_not_trained_on(detector):
    torch.manual_seed(0)
    samples = [data_sample(TWO_CARS), data_sample(NEAR_TRUCK)]
    samples[0].gt_instances_3d.velocities.fill_(torch.nan)
    samples[0].gt_instances_3d.attr_labels.fill_(-1)
    del samples[1].gt_instances_3d.velocities
    del samples[1].gt_instances_3d.attr_labels
    losses = step(detector, samples)
    assert losses["loss_velo"] == 0
    assert losses["loss_attr"] == 0
    assert_all_parameters_reached(detector)


def test_object_that_cannot_be_solved_harms_no_other(detector):
    """Weights of one object vanish: the others keep their gradients, all stay finite."""
    torch.manual_seed(0)
    head = detector.bbox_head
    predict = head.predict_objects

    def broken(*args):
        objects = predict(*args)
        keep = torch.ones(len(objects.w2d), 1, 1)
        keep[0] = 0
        return objects._replace(w2d=objects.w2d * keep)

    head.predict_objects = broken
    losses = step(detector, [data_sample(TWO_CARS)])
    assert all(loss.isfinite() for loss in losses.values())
    assert_all_parameters_reached(detector)
    assert head.correspondence_head.regression.weight.grad.any()


@pytest.fixture
def all_reduced(tmp_path, monkeypatch):
    """Shapes of the tensors reduced over processes, in order; a group of one process is enough."""
    shapes = []
    all_reduce = distributed.all_reduce

    def record(tensor, *args, **kwargs):
        shapes.append(tuple(tensor.shape))
        return all_reduce(tensor, *args, **kwargs)

    distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'rendezvous'}", rank=0, world_size=1
    )
    monkeypatch.setattr(distributed, "all_reduce", record)
    yield shapes
    distributed.destroy_process_group()


def test_processes_stay_in_step_whatever_their_batches_hold(detector, all_reduced):
    """Every batch reduces the same tensors, or a process without objects would block the others."""
    torch.manual_seed(0)
    reduced = []
    for samples in (
        [data_sample(TWO_CARS)],
        [data_sample([])],
        [data_sample(FAR_CONE)],
        [without_lidar(data_sample(NEAR_TRUCK))],
    ):
        all_reduced.clear()
        torch.manual_seed(1)
        detector.loss({"imgs": torch.randn(1, 3, *IMG_SHAPE)}, samples)
        reduced.append(list(all_reduced))
    assert len(reduced[0]) > 5
    assert all(each == reduced[0] for each in reduced)


def test_losses_fall_when_one_batch_is_repeated(detector):
    torch.manual_seed(0)
    samples = [data_sample(TWO_CARS), data_sample(NEAR_TRUCK)]
    optimizer = torch.optim.AdamW(detector.parameters(), lr=1e-3)
    totals = []
    for _ in range(12):
        losses = step(detector, samples)
        torch.nn.utils.clip_grad_norm_(detector.parameters(), 5.0)
        optimizer.step()
        totals.append(sum(losses[name].item() for name in LOSSES))
    assert sum(totals[-3:]) < 0.8 * sum(totals[:3])
