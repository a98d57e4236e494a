"""Loss functions: closed forms, recorded values, and what must stay finite."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import logsumexp
from scipy.stats import norm

from epropnp_det.models.structures import ProposalMaps
from epropnp_det.models.training.losses import (
    CosineAngleLoss,
    MVDGaussianMixtureNLLLoss,
    ProposalLoss,
    VectorSmoothL1Loss,
)
from epropnp_det.models.training.targets import GroundTruth, PointTargets


def test_smooth_l1_of_the_length():
    torch.manual_seed(0)
    pred, target = torch.randn(50, 3, dtype=torch.float64), torch.randn(50, 3, dtype=torch.float64)
    for beta in (0.5, 1.0, 3.0):
        length = (pred - target).norm(dim=-1)
        expected = F.smooth_l1_loss(length, torch.zeros_like(length), beta=beta)
        torch.testing.assert_close(VectorSmoothL1Loss(beta=beta)(pred, target), expected)


def test_smooth_l1_turns_with_its_vectors():
    torch.manual_seed(0)
    residual = 3 * torch.randn(50, 3, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64)).Q
    zero = torch.zeros_like(residual)
    loss = VectorSmoothL1Loss()
    torch.testing.assert_close(loss(residual @ rotation, zero), loss(residual, zero))


def test_smooth_l1_gradient_is_finite_at_zero():
    pred = torch.zeros(4, 3, requires_grad=True)
    VectorSmoothL1Loss()(pred, torch.zeros(4, 3)).backward()
    assert (pred.grad == 0).all()


def test_cosine_angle_has_the_period_of_angles():
    pred = torch.tensor([0.1, 3.0, -3.0, 7.0], dtype=torch.float64)
    target = torch.tensor([0.1, -3.0, 0.0, 0.0], dtype=torch.float64)
    loss = CosineAngleLoss(reduction="none")
    torch.testing.assert_close(loss(pred, target), loss(pred + 2 * math.pi, target))
    torch.testing.assert_close(loss(pred, target)[0], pred.new_tensor(0.0))
    torch.testing.assert_close(loss(pred, pred + math.pi), torch.full_like(pred, 2.0))


@pytest.mark.parametrize(
    "loss", [VectorSmoothL1Loss(loss_weight=0.5), CosineAngleLoss(loss_weight=2)]
)
def test_weights_and_average(loss):
    pred = torch.tensor([0.2, 0.5, 4.0])
    pred = pred[:, None].expand(3, 3) if isinstance(loss, VectorSmoothL1Loss) else pred
    parts = [loss(pred[i : i + 1], torch.zeros_like(pred[:1])) for i in range(3)]
    weighted = loss(pred, torch.zeros_like(pred), torch.tensor([1.0, 0, 2]), avg_factor=5.0)
    torch.testing.assert_close(weighted, (parts[0] + 2 * parts[2]) / 5)


class TestMixtureNLL:
    def test_equals_scipy(self):
        rng = np.random.default_rng(0)
        pred, log_std = rng.normal(size=(5, 3, 7, 2)), 0.3 * rng.normal(size=(5, 3, 7, 2))
        target, logits = rng.normal(size=(5, 7, 2)), rng.normal(size=(5, 3, 7))
        log_mixture = logits - logsumexp(logits, axis=1, keepdims=True)
        densities = norm.logpdf(target[:, None], pred, np.exp(log_std)).sum(-1)
        # densities are without their constant, log(2 pi) for two axes
        expected = -(logsumexp(densities + log_mixture, axis=1) + math.log(2 * math.pi)).mean()
        arrays = (torch.from_numpy(a) for a in (pred, target, log_mixture, log_std))
        loss = MVDGaussianMixtureNLLLoss(momentum=None)
        assert loss(*arrays).item() == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize("delta", [-1, 2.0])
    def test_equals_recorded_values(self, golden_file, delta):
        arrays = np.load(golden_file("geometry.npz"))
        pred, log_std, log_mixture = (
            torch.from_numpy(arrays[f"mix_{name}"]) for name in ("pred", "logstd", "logw")
        )
        loss = MVDGaussianMixtureNLLLoss(
            delta=math.inf if delta < 0 else delta, reduction="none"
        ).double()
        loss.mean_inv_std.fill_(1.3)  # where the recorded run started
        values = loss(pred, torch.zeros_like(pred[:, 0]), log_mixture, log_std)
        expected = torch.from_numpy(arrays[f"mix_nll_delta{delta}"])
        torch.testing.assert_close(values, expected, rtol=1e-9, atol=1e-9)
        assert loss.mean_inv_std.item() == pytest.approx(
            float(arrays[f"mix_mean_inv_std_after{delta}"]), rel=1e-12
        )

    def test_running_mean_only_moves_in_training(self):
        loss = MVDGaussianMixtureNLLLoss(init_sigma=0.2)
        inputs = torch.randn(6, 2, 3), torch.randn(6, 3), torch.zeros(6, 2)
        loss.eval()(*inputs)
        assert loss.mean_inv_std == 1
        loss.train()(*inputs)
        assert loss.mean_inv_std.item() == pytest.approx(0.9 + 0.1 / 0.2)

    def test_no_targets_leave_the_running_mean_and_reach_the_parameters(self):
        loss = MVDGaussianMixtureNLLLoss(init_sigma=0.2)
        pred = torch.zeros(0, 4, 3, requires_grad=True)
        value = loss(pred, torch.zeros(0, 3), torch.zeros(0, 4), avg_factor=1)
        assert value == 0
        assert loss.mean_inv_std == 1
        value.backward()
        assert pred.grad is not None
        assert loss.log_sigma.grad == 0

    def test_learnt_deviation_approaches_that_of_the_data(self):
        torch.manual_seed(0)
        data = 0.7 * torch.randn(20_000, 1, 1)
        loss = MVDGaussianMixtureNLLLoss(init_sigma=0.2, momentum=None)
        optimizer = torch.optim.Adam(loss.parameters(), lr=0.1)
        for _ in range(100):
            optimizer.zero_grad()
            loss(data, torch.zeros(20_000, 1), torch.zeros(20_000, 1)).backward()
            optimizer.step()
        # standard error of a standard deviation: sigma / sqrt(2 n) = 0.0035
        assert loss.log_sigma.exp().item() == pytest.approx(0.7, abs=4 * 0.0035)

    def test_huber_tail_is_linear_and_its_gradient_bounded(self):
        loss = MVDGaussianMixtureNLLLoss(delta=2.0, reduction="sum", momentum=None)
        error = torch.tensor([0.0, 1.0, 2.0, 50.0], dtype=torch.float64)
        pred = error.view(4, 1, 1).requires_grad_()
        zeros = torch.zeros(4, 1, dtype=torch.float64)
        value = loss(pred, zeros, zeros, torch.zeros_like(pred))
        (gradient,) = torch.autograd.grad(value, pred)
        torch.testing.assert_close(gradient.flatten(), error.clamp(max=2))

    def test_impossible_modes_do_no_harm(self):
        pred = torch.tensor([[[0.0], [1e6]]], requires_grad=True)
        log_mixture = torch.tensor([[0.0, -math.inf]])
        loss = MVDGaussianMixtureNLLLoss(init_sigma=1.0, momentum=None)
        value = loss(pred, torch.zeros(1, 1), log_mixture)
        value.backward()
        assert value == 0
        assert pred.grad.isfinite().all()

    def test_deviation_is_given_once(self):
        inputs = torch.zeros(1, 1, 2), torch.zeros(1, 2), torch.zeros(1, 1)
        with pytest.raises(ValueError, match="log_std"):
            MVDGaussianMixtureNLLLoss()(*inputs)
        with pytest.raises(ValueError, match="log_std"):
            MVDGaussianMixtureNLLLoss(init_sigma=1.0)(*inputs, torch.zeros(1, 1, 2))
        with pytest.raises(ValueError, match="delta"):
            MVDGaussianMixtureNLLLoss(delta=-1)


def proposal_loss() -> ProposalLoss:
    return ProposalLoss(
        num_classes=3,
        loss_cls=dict(type="mmdet.FocalLoss", use_sigmoid=True),
        loss_centerness=dict(type="mmdet.CrossEntropyLoss", use_sigmoid=True),
        loss_rp=dict(type="mmdet.SmoothL1Loss", beta=1.0),
        loss_bbox=dict(type="mmdet.GIoULoss", eps=1e-7),
    )


def tiny_maps(class_agnostic=False) -> ProposalMaps:
    """One level of 2 x 2 points of stride 8, two images, three classes."""
    torch.manual_seed(0)
    channels = dict(cls=3, centerness=1, embedding=4, center=2 if class_agnostic else 6, bbox=4)
    maps = [[torch.rand(2, c, 2, 2, requires_grad=True)] for c in channels.values()]
    points = torch.tensor([[4.0, 4], [12, 4], [4, 12], [12, 12]])
    return ProposalMaps(*maps, [points], (8,))


def tiny_targets(labels, gt_inds) -> tuple[PointTargets, GroundTruth]:
    labels = torch.tensor(labels)
    targets = PointTargets(
        labels, torch.tensor(gt_inds), torch.full((2, 4, 4), 5.0), (labels < 3) * 0.5
    )
    bboxes = torch.tensor([[0.0, 0, 10, 10], [2, 2, 12, 12]])
    truth = GroundTruth(None, None, bboxes, torch.tensor([[5.0, 5], [6, 6]]), *[None] * 5)
    return targets, truth


def test_proposal_loss_reads_the_center_of_the_class():
    maps = tiny_maps()
    targets, truth = tiny_targets([[3, 1, 3, 3], [2, 3, 3, 3]], [[0, 0, 0, 0], [1, 0, 0, 0]])
    loss = proposal_loss()(maps, targets, truth)["loss_rp"]
    (gradient,) = torch.autograd.grad(loss, maps.centers[0])
    used = gradient.abs() > 0
    expected = torch.zeros_like(used)
    expected[0, 2:4, 0, 1] = True  # class 1
    expected[1, 4:6, 0, 0] = True  # class 2
    assert used.equal(expected)


def test_proposal_loss_of_class_agnostic_centers_reads_the_only_two_channels():
    maps = tiny_maps(class_agnostic=True)
    targets, truth = tiny_targets([[3, 1, 3, 3], [2, 3, 3, 3]], [[0, 0, 0, 0], [1, 0, 0, 0]])
    loss = proposal_loss()(maps, targets, truth)["loss_rp"]
    (gradient,) = torch.autograd.grad(loss, maps.centers[0])
    expected = torch.zeros_like(gradient, dtype=torch.bool)
    expected[0, :, 0, 1] = True  # the positive of each image, whatever its class
    expected[1, :, 0, 0] = True
    assert (gradient.abs() > 0).equal(expected)
    per_class = tiny_maps()
    for image, label in ((0, 1), (1, 2)):
        with torch.no_grad():
            per_class.centers[0][image, 2 * label : 2 * label + 2] = maps.centers[0][image]
    torch.testing.assert_close(proposal_loss()(per_class, targets, truth)["loss_rp"], loss)


def test_proposal_loss_without_positives_reaches_all_maps():
    maps = tiny_maps()
    targets, truth = tiny_targets([[3] * 4] * 2, [[0] * 4] * 2)
    losses = proposal_loss()(maps, targets, truth)
    assert losses["loss_cls"] > 0
    for name in ("loss_rp", "loss_centerness", "loss_bbox"):
        assert losses[name] == 0
    sum(losses.values()).backward()
    for level in (maps.cls_logits, maps.centerness_logits, maps.centers, maps.bboxes):
        assert level[0].grad.isfinite().all()


@pytest.mark.parametrize(
    ("target", "weight"), [((3,), None), ((1, 3), None), ((4, 3), (4, 3)), ((4, 3), (1,))]
)
def test_shapes_that_do_not_fit_are_refused(target, weight):
    weight = None if weight is None else torch.ones(weight)
    with pytest.raises(ValueError, match=r"takes vectors \(N, D\).*got \(4, 3\)"):
        VectorSmoothL1Loss()(torch.ones(4, 3), torch.ones(target), weight=weight)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_focal_loss_in_half_precision_on_a_gpu():
    """mmcv's kernel sees the half precision logits of mixed precision training."""
    targets, truth = tiny_targets([[3, 1, 3, 3], [2, 3, 3, 3]], [[0, 0, 0, 0], [1, 0, 0, 0]])
    expected = proposal_loss()(tiny_maps(), targets, truth)["loss_cls"]
    maps = tiny_maps()
    halves = [
        [level.detach().cuda().half().requires_grad_() for level in part] for part in maps[:5]
    ]
    on_gpu = ProposalMaps(*halves, [points.cuda() for points in maps.points], maps.strides)
    targets = type(targets)(*(each.cuda() for each in targets))
    truth = type(truth)(*(each if each is None else each.cuda() for each in truth))
    with torch.autocast("cuda", torch.float16):
        loss = proposal_loss().cuda()(on_gpu, targets, truth)["loss_cls"]
    loss.backward()
    assert halves[0][0].grad.isfinite().all()
    assert loss.item() == pytest.approx(expected.item(), rel=10 * torch.finfo(torch.float16).eps)
