"""A step in pieces is the step of the whole batch: losses, gradients, running means."""

import pytest
import torch
from mmengine.optim import OptimWrapper

from det_training import NEAR_TRUCK, TWO_CARS, data_sample, small_detector
from drills.fixed_sampling import EveryPoint, alike_for_all_objects
from epropnp_mm.engine import PiecewiseStepHook
from epropnp_mm.engine.piecewise_step_hook import piecewise_train_step, split_batch


@pytest.fixture
def _same_noise(monkeypatch):
    for name in ("rand", "randn"):
        monkeypatch.setattr(torch, name, alike_for_all_objects(getattr(torch, name)))


def detector_and_batch(repo_dir):
    """A detector without batch statistics, and images with 2, 1, 0 and 1 objects."""
    detector = small_detector(repo_dir)
    detector.bbox_head.criterion.object_sampler = EveryPoint(10)
    detector.bbox_head.criterion.object_loss.loss_pose.norm_factor.fill_(3.0)
    detector.backbone.norm_eval = True
    detector.train()
    torch.manual_seed(1)
    samples = [data_sample(boxes) for boxes in (TWO_CARS, NEAR_TRUCK, [], TWO_CARS[:1])]
    images = [(torch.rand(3, 96, 160) * (k + 1) * 60).byte() for k in range(4)]
    return detector, dict(inputs=dict(img=images), data_samples=samples)


def step(detector, train, batch):
    """Losses, gradients and buffers after a step that moves nothing."""
    wrapper = OptimWrapper(torch.optim.SGD(detector.parameters(), lr=0.0))
    wrapper.zero_grad = lambda **kwargs: None  # keeps them for us
    torch.manual_seed(2)
    logged = train(detector, batch, wrapper)
    losses = {name: float(value.detach()) for name, value in logged.items()}
    gradients = {n: p.grad for n, p in detector.named_parameters() if p.grad is not None}
    return losses, gradients, dict(detector.named_buffers())


@pytest.mark.usefixtures("_same_noise")
@pytest.mark.parametrize("max_samples", [1, 2])
def test_pieces_of_a_detector_batch_add_up(repo_dir, max_samples):
    whole = step(*pair(repo_dir, lambda model, batch, wrapper: model.train_step(batch, wrapper)))
    pieces = step(
        *pair(
            repo_dir,
            lambda model, batch, wrapper: piecewise_train_step(model, max_samples, batch, wrapper),
        )
    )
    assert pieces[0] == pytest.approx(whole[0], rel=1e-4, abs=1e-5)
    scale = max(float(gradient.abs().max()) for gradient in whole[1].values())
    assert pieces[1].keys() == whole[1].keys()
    for name, gradient in whole[1].items():
        torch.testing.assert_close(pieces[1][name], gradient, rtol=1e-2, atol=1e-4 * scale)
    torch.testing.assert_close(pieces[2], whole[2], rtol=1e-4, atol=1e-5)
    assert pieces[2]["bbox_head.criterion.object_loss.loss_pose.norm_factor"] != 3


def pair(repo_dir, train):
    detector, batch = detector_and_batch(repo_dir)
    return detector, train, batch


def test_batches_are_cut_evenly():
    batch = dict(inputs=dict(img=list("abcdef")), data_samples=list(range(6)))
    for max_samples, size in ((1, 1), (2, 2), (4, 3), (5, 3), (6, 6), (9, 6)):
        pieces = split_batch(batch, max_samples)
        assert {len(piece["data_samples"]) for piece in pieces} == {size}
        assert "".join("".join(piece["inputs"]["img"]) for piece in pieces) == "abcdef"
    with pytest.raises(ValueError, match="max_samples"):
        PiecewiseStepHook(0)
