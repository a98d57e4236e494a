import pytest
import torch

from epropnp_det.models.training.auxiliary import AuxiliaryLosses
from epropnp_det.models.training.losses import MixtureSmoothL1Loss


def test_each_mode_pays_by_its_weight():
    # distances 0.5 (linear: 0.5 - 0.05) and 0.06 (quadratic: 0.06^2 / 0.2)
    pred = torch.tensor([[[0.3, 0.4, 0.0], [0.06, 0, 0]]])
    weights = torch.tensor([[0.25, 0.75]])
    loss = MixtureSmoothL1Loss(beta=0.1, loss_weight=2.0)
    value = loss(pred, torch.zeros(1, 3), weights.log(), avg_factor=4)
    expected = 2 * (0.25 * 0.45 + 0.75 * 0.018) / 4
    torch.testing.assert_close(value, torch.tensor(expected))


def test_no_targets_keep_the_graph():
    pred = torch.zeros(0, 8, 3, requires_grad=True)
    value = MixtureSmoothL1Loss()(pred, torch.zeros(0, 3), torch.zeros(0, 8), avg_factor=1e-4)
    assert value == 0
    value.backward()


def test_a_perfect_mode_has_a_finite_gradient():
    pred = torch.zeros(1, 1, 3, requires_grad=True)
    MixtureSmoothL1Loss()(pred, torch.zeros(1, 3), torch.zeros(1, 1), avg_factor=1).backward()
    torch.testing.assert_close(pred.grad, torch.zeros(1, 1, 3))


def test_unknown_unit_of_the_regression():
    loss = dict(type="MVDGaussianMixtureNLLLoss")
    with pytest.raises(ValueError, match="regr_unit"):
        AuxiliaryLosses(16, 2, loss_proj=loss, regr_unit="median")
