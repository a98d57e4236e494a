import math

import pytest
import torch

from epropnp import (
    AdaptiveHuberPnPCost,
    DistinctPeaks,
    EagerBackend,
    EProPnP4DoF,
    EProPnP6DoF,
    HuberPnPCost,
    LMSolver,
    MonteCarloPoseLoss,
    RSLMSolver,
    monte_carlo_pose_loss,
    set_default_backend,
)
from epropnp.frames import ObjectFrame
from epropnp.mixture import Mixture
from pnp_scenes import manifold_of, scene, tilted

ADAPTIVE = AdaptiveHuberPnPCost()
LAYERS = {4: EProPnP4DoF, 6: EProPnP6DoF}


def layer(dof, samples=64, **options):
    solver = LMSolver(dof, init_solver=RSLMSolver(num_proposals=16), **options)
    return LAYERS[dof](samples, solver=solver)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def leaves(data):
    return data._replace(
        **{name: getattr(data, name).clone().requires_grad_() for name in ("x3d", "x2d", "w2d")}
    )


@pytest.mark.parametrize("dof", [4, 6])
def test_monte_carlo_results_fit_together(dof):
    data = leaves(scene(dof, noise=2.0))
    result = layer(dof, normalize=True).monte_carlo_forward(
        *data.correspondences, ADAPTIVE, data.pose, with_pose_opt_plus=True, generator=seeded()
    )
    num_params = manifold_of(dof).num_params
    assert result.pose_samples.shape == (64, 3, num_params)
    assert result.pose_sample_logweights.shape == (64, 3)
    assert result.pose_opt_plus.shape == result.pose_opt.shape == (3, num_params)
    assert result.pose_cov.shape == (3, dof, dof)
    assert result.valid.all()
    assert (result.cost <= result.cost_target).all()  # the mode is at least as likely as the truth
    graph = [n for n, t in result._asdict().items() if t is not None and t.requires_grad]
    assert graph == ["pose_opt_plus", "pose_sample_logweights", "cost_target"]


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("normalize", [False, True])
def test_weights_of_the_samples_follow_from_their_costs(dof, normalize):
    """Log weight plus cost is minus the log proposal density, all in the frame of the solver."""
    data = scene(dof, noise=2.0)
    setting, made = HuberPnPCost(2.0), []

    class Recorder(LAYERS[dof].proposal_family):
        def around(self, pose, covariance):
            made.append(super().around(pose, covariance))
            return made[-1]

        def fit(self, poses, log_weights):
            made.append(Mixture.single(super().fit(poses, log_weights)).proposals)
            return super().fit(poses, log_weights)

    solver = LMSolver(dof, normalize=normalize, init_solver=RSLMSolver(num_proposals=16))
    net = LAYERS[dof](64, solver=solver, proposals=Recorder(), backend=EagerBackend())
    result = net.monte_carlo_forward(*data.correspondences, setting, generator=seeded())
    assert result.cost_target is None
    costs = torch.stack(
        [
            LMSolver(dof, 0)(*data.correspondences, setting, pose).cost
            for pose in result.pose_samples
        ]
    )
    frame = ObjectFrame(manifold_of(dof), data.x3d.mean(1) if normalize else None)
    inside = frame.enter(result.pose_samples).unsqueeze(1)
    densities = torch.cat([proposal.log_prob(inside) for proposal in made], 1)
    expected = -costs - (densities.logsumexp(1) - math.log(4))
    torch.testing.assert_close(result.pose_sample_logweights, expected, rtol=1e-8, atol=1e-8)


def test_log_evidence_of_a_pose_problem_agrees_with_the_laplace_approximation():
    data = scene(4, num=6, points=200, noise=0.5)
    setting = HuberPnPCost(1e6)
    result = layer(4, 2048).monte_carlo_forward(
        *data.correspondences, setting, data.pose, generator=seeded()
    )
    estimate = result.pose_sample_logweights.logsumexp(0) - math.log(2048)
    log_det = torch.linalg.slogdet(result.pose_cov).logabsdet
    laplace = -result.cost + 2 * math.log(2 * math.pi) + 0.5 * log_det
    torch.testing.assert_close(estimate, laplace, rtol=0, atol=0.15)


@pytest.mark.parametrize("dof", [4, 6])
def test_the_solution_is_that_of_the_solver(dof):
    data = scene(dof, noise=2.0)
    net = layer(dof)
    options = {"with_pose_cov": True, "with_pose_opt_plus": True}
    ours = net(*data.correspondences, ADAPTIVE, generator=seeded(), **options)
    theirs = net.solver(*data.correspondences, ADAPTIVE, generator=seeded(), **options)
    assert ours.diagnostics is theirs.diagnostics is None
    for mine, other in zip(ours[:5], theirs[:5], strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("dof", [4, 6])
def test_one_seed_gives_one_result(dof):
    data = scene(dof, noise=2.0)
    net = layer(dof)

    def run(generator):
        return net.monte_carlo_forward(*data.correspondences, ADAPTIVE, generator=generator)

    first, again, other = (run(seeded(s)).pose_samples for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.manual_seed(7)
    default = run(None).pose_samples
    torch.manual_seed(7)
    assert torch.equal(default, run(None).pose_samples)


def test_the_tilt_of_the_camera_reaches_the_sampler():
    data = scene(4, num=4, noise=1.0, points=60, gravity=tilted(4))
    result = layer(4).monte_carlo_forward(
        *data.correspondences, ADAPTIVE, data.pose, generator=seeded()
    )
    weights = result.pose_sample_logweights.softmax(0).unsqueeze(-1)
    mean = (weights * result.pose_samples).sum(0)[:, :3]
    assert (mean - data.pose[:, :3]).abs().max() < 0.1


@pytest.mark.parametrize("dof", [4, 6])
def test_training_on_the_loss_recovers_spoiled_correspondences(dof):
    data = scene(dof, num=4, points=16)
    x3d = data.x3d + 0.2 * torch.randn(data.x3d.shape, generator=seeded(), dtype=torch.float64)
    x3d.requires_grad_()
    net, head = layer(dof), MonteCarloPoseLoss()
    optimizer = torch.optim.Adam([x3d], lr=0.01)
    setting = HuberPnPCost(1e6)

    def loss(seed):
        result = net.monte_carlo_forward(
            x3d, *data.correspondences[1:], setting, data.pose, generator=seeded(seed)
        )
        return head(result.pose_sample_logweights, result.cost_target, 1.0)

    before = loss(0).item()
    for step in range(30):
        optimizer.zero_grad()
        loss(step).backward()
        optimizer.step()
    assert loss(0).item() < before - 2


@pytest.mark.parametrize("dof", [4, 6])
def test_the_differentiable_step_pulls_the_pose_to_the_truth(dof):
    data = leaves(scene(dof, noise=4.0))
    result = layer(dof)(
        *data.correspondences, HuberPnPCost(1e6), data.pose, with_pose_opt_plus=True
    )
    error = (result.pose_opt_plus - data.pose)[:, :3].square().sum()
    (grad,) = torch.autograd.grad(error, data.x2d)
    shifted = data._replace(x2d=(data.x2d - 0.2 * grad / grad.abs().max()).detach())
    after = layer(dof)(*shifted.correspondences, HuberPnPCost(1e6), data.pose).pose_opt
    assert (after - data.pose)[:, :3].square().sum() < error


def test_autocast_around_the_layer_changes_nothing():
    data = leaves(scene(4, noise=2.0, dtype=torch.float32))
    net = layer(4)

    def run(mixed):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
            result = net.monte_carlo_forward(
                *data.correspondences,
                ADAPTIVE,
                data.pose,
                with_pose_opt_plus=True,
                generator=seeded(),
            )
            loss = monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target).sum()
            solution = net(*data.correspondences, ADAPTIVE, generator=seeded())
        grad = torch.autograd.grad(loss + result.pose_opt_plus.sum(), data.w2d)[0]
        return result.pose_samples, loss.detach(), grad, solution.pose_opt

    plain, mixed = run(False), run(True)
    for expected, actual in zip(plain, mixed, strict=True):
        assert actual.dtype == torch.float32
        assert torch.equal(actual, expected)


def test_half_precision_input_gets_half_precision_gradients():
    data = scene(4, noise=2.0, dtype=torch.float32)
    x3d = data.x3d.bfloat16().requires_grad_()
    result = layer(4).monte_carlo_forward(x3d, *data.correspondences[1:], ADAPTIVE, data.pose)
    assert result.pose_opt.dtype == torch.float32
    monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target).sum().backward()
    assert x3d.grad.dtype == torch.bfloat16
    assert x3d.grad.isfinite().all()


@pytest.mark.parametrize("dof", [4, 6])
def test_no_objects_are_a_batch(dof):
    data = leaves(scene(dof, num=0))
    result = layer(dof, normalize=True).monte_carlo_forward(
        *data.correspondences, ADAPTIVE, data.pose, with_pose_opt_plus=True
    )
    assert result.pose_samples.shape[:2] == (64, 0)
    loss = MonteCarloPoseLoss()(result.pose_sample_logweights, result.cost_target, torch.ones(0))
    (loss + result.pose_opt_plus.sum()).backward()
    assert data.x3d.grad.shape == (0, 24, 3)
    solution = layer(dof)(*data.correspondences, ADAPTIVE, with_pose_cov=True)
    assert solution.pose_cov.shape == (0, dof, dof)


def test_a_layer_without_a_solver_gets_one():
    data = scene(4, noise=1.0)
    result = EProPnP4DoF(8)(*data.correspondences, ADAPTIVE, generator=seeded())
    assert (result.pose_opt[:, :3] - data.pose[:, :3]).norm(dim=1).max() < 0.5


def test_layers_have_no_state():
    assert not layer(4).state_dict()


@pytest.mark.parametrize("dof", [4, 6])
def test_the_backend_of_the_layer_does_all_of_the_arithmetic(dof):
    """Start, solver, peaks, sampler, loss and differentiable step; that of its solver nothing."""

    class Refusing:
        def __getattr__(self, name):
            raise AssertionError(f"{name} was asked of another backend")

    data = leaves(scene(dof, noise=2.0))
    set_default_backend(Refusing())
    try:
        solver = LMSolver(dof, 3, init_solver=RSLMSolver(num_proposals=4))
        net = LAYERS[dof](16, solver=solver, peaks=DistinctPeaks(), backend=EagerBackend())
        result = net.monte_carlo_forward(
            *data.correspondences, ADAPTIVE, data.pose, with_pose_opt_plus=True
        )
        solution = net(*data.correspondences, ADAPTIVE, with_pose_opt_plus=True)
        loss = monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target).sum()
        (loss + result.pose_opt_plus.sum() + solution.pose_opt_plus.sum()).backward()
    finally:
        set_default_backend(None)
    assert data.x3d.grad.abs().sum() > 0


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("dof", [4, 6])
def test_starts_of_an_earlier_solution_take_the_place_of_a_search(dof, normalize):
    data = scene(dof, noise=5.0, num=6)
    truth = data.pose.clone()
    truth[:3, 2] += 20.0  # wrong ones lose against the starts, right ones win
    pnp = layer(dof, normalize=normalize)
    solution = pnp(*data.correspondences, ADAPTIVE, generator=seeded())
    assert solution.starts.cost.shape == (16, 6)
    expected = pnp.monte_carlo_forward(
        *data.correspondences, ADAPTIVE, truth, generator=seeded(), force_init_solve=True
    )
    draws = []
    pnp.solver.init_solver = lambda *arguments: draws.append(arguments)
    result = pnp.monte_carlo_forward(
        *data.correspondences, ADAPTIVE, truth, starts=solution.starts, generator=seeded(1)
    )
    assert not draws
    torch.testing.assert_close(result.pose_opt, expected.pose_opt, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(result.cost_target, expected.cost_target)
    without = pnp.monte_carlo_forward(*data.correspondences, ADAPTIVE, starts=solution.starts)
    torch.testing.assert_close(without.pose_opt, solution.pose_opt, rtol=1e-4, atol=1e-4)


def test_starts_must_fit_the_objects():
    data = scene(4, num=3)
    solution = layer(4)(*data.correspondences, ADAPTIVE)
    with pytest.raises(TypeError, match="starts must be Starts"):
        layer(4).monte_carlo_forward(*data.correspondences, ADAPTIVE, starts=solution.pose_opt)
    fewer = solution.starts._replace(pose_init=solution.starts.pose_init[:, :2])
    with pytest.raises(ValueError, match=r"starts.pose_init"):
        layer(4).monte_carlo_forward(*data.correspondences, ADAPTIVE, starts=fewer)
