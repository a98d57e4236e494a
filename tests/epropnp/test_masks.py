"""Points that are masked or have no weight change nothing."""

import pytest
import torch

from epropnp import (
    AdaptiveHuberPnPCost,
    EProPnP4DoF,
    EProPnP6DoF,
    LMSolver,
    RSLMSolver,
    monte_carlo_pose_loss,
)
from epropnp.initializers import draw_subsets
from epropnp.posterior import pose_distribution
from epropnp.problem import build_problem
from pnp_scenes import manifold_of, scene

LAYERS = {4: EProPnP4DoF, 6: EProPnP6DoF}
ADAPTIVE = AdaptiveHuberPnPCost()
EXTRA = 9
KINDS = ["no weight", "masked", "masked NaN"]
# More points are summed in another order, and a solver cannot tell poses apart whose costs differ
# by less than rounding: those are as far from each other as the root of a unit of rounding.
SOLVER = 8 * 2.0**-26


def padded(data, kind):
    """The scene with more points, and their mask."""
    num, points = data.x3d.shape[:2]
    far = torch.full((num, EXTRA, 3), 40.0).double()
    weight = 0.0 if kind == "no weight" else 3.0
    if kind == "masked NaN":
        far[..., 1] = torch.nan
    more = data._replace(
        x3d=torch.cat((data.x3d, far), 1),
        x2d=torch.cat((data.x2d, 20 * far[..., :2]), 1),
        w2d=torch.cat((data.w2d, torch.full((num, EXTRA, 2), weight).double()), 1),
    )
    mask = torch.arange(points + EXTRA).expand(num, -1) < points
    return more, None if kind == "no weight" else mask


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_threshold_start_and_frame_do_not_see_them(kind, dof, normalize):
    data = scene(dof, noise=2.0)
    more, mask = padded(data, kind)
    manifold = manifold_of(dof)
    plain = build_problem(*data.correspondences, ADAPTIVE, manifold, normalize)
    other = build_problem(*more.correspondences, ADAPTIVE, manifold, normalize, mask)
    assert other.valid.all()
    for read in (
        lambda p: p.cost.kernel.delta,
        lambda p: p.cost.rough_translation(),
        lambda p: p.cost.center(),
        lambda p: p.frame.enter(data.pose),
        lambda p: p.cost.value(p.frame.enter(data.pose)),
        lambda p: p.cost.normal_equations(p.frame.enter(data.pose)).hessian,
    ):
        torch.testing.assert_close(read(other), read(plain), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_solution_loss_and_gradients_do_not_change(kind, dof):
    results = []
    for make in (lambda data: (data, None), lambda data: padded(data, kind)):
        data, mask = make(scene(dof, noise=2.0))
        inputs = [tensor.clone().requires_grad_() for tensor in data[:3]]
        net = LAYERS[dof](32, solver=LMSolver(dof, 5, normalize=True))
        result = net.monte_carlo_forward(
            *inputs, data.camera, ADAPTIVE, data.pose, mask=mask, with_pose_opt_plus=True,
            generator=torch.Generator().manual_seed(0),
        )  # fmt: skip
        loss = monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target)
        grads = torch.autograd.grad(loss.sum() + result.pose_opt_plus.sum(), inputs)
        if mask is not None:  # nothing reaches what is masked
            assert all((grad[:, -EXTRA:] == 0).all() for grad in grads)
        points = scene(dof).x3d.shape[1]
        results.append([result.pose_opt, result.pose_cov, loss, *(g[:, :points] for g in grads)])
    for plain, other in zip(*results, strict=True):
        torch.testing.assert_close(other, plain, rtol=0.0, atol=SOLVER * plain.abs().max().item())


def test_subsets_hold_no_masked_point_while_there_are_others():
    data = scene(4)
    more, mask = padded(data, "masked")
    cost = build_problem(*more.correspondences, ADAPTIVE, manifold_of(4), mask=mask).cost
    points = data.x3d.shape[1]
    index = draw_subsets(cost.point_weights(), 64, points, torch.Generator().manual_seed(0))
    assert (index < points).all()


@pytest.mark.parametrize("dof", [4, 6])
def test_every_call_takes_the_mask(dof):
    data, mask = padded(scene(dof, noise=2.0), "masked NaN")
    net = LAYERS[dof](32, solver=LMSolver(dof, init_solver=RSLMSolver(num_proposals=16)))

    def seeded():
        return torch.Generator().manual_seed(0)

    arguments = (*data.correspondences, ADAPTIVE)
    poses = pose_distribution(net, *arguments, mask=mask, generator=seeded())
    for result in (net, net.solver):
        solution = result(*arguments, mask=mask, generator=seeded())
        assert solution.valid.all()
        torch.testing.assert_close(
            solution.pose_opt[:, :3], poses.pose_opt[:, :3], rtol=0, atol=1e-3
        )
    assert poses.valid.all()
    assert not pose_distribution(net, *arguments, generator=seeded()).valid.any()


def test_objects_of_different_size_share_a_batch():
    """Ragged numbers of points: each object is solved as if it were alone."""
    data = scene(4, num=3, points=20, noise=1.0)
    counts = torch.tensor([20, 12, 6])
    mask = torch.arange(20) < counts[:, None]
    together = LMSolver(4)(*data.correspondences, ADAPTIVE, data.pose, mask=mask)
    for b, count in enumerate(counts.tolist()):
        camera = data.camera.bind(data.camera.cam_mats[b : b + 1], torch.tensor([620, 840]))
        one = [tensor[b : b + 1, :count] for tensor in data[:3]]
        alone = LMSolver(4)(*one, camera, ADAPTIVE, data.pose[b : b + 1])
        torch.testing.assert_close(alone.pose_opt, together.pose_opt[b : b + 1], rtol=0, atol=1e-7)


def test_the_published_statistics_count_every_point():
    data = scene(4, noise=2.0)
    more, mask = padded(data, "no weight")
    every = AdaptiveHuberPnPCost(every_point=True)
    plain, other = (build_problem(*s.correspondences, every, manifold_of(4)) for s in (data, more))
    ratio = other.cost.kernel.delta / plain.cost.kernel.delta
    x2d, w2d = more.x2d, more.w2d
    expected = w2d.mean((1, 2)) * x2d.var(1).sum(-1).sqrt() * 0.5
    torch.testing.assert_close(other.cost.kernel.delta, expected)
    assert ((ratio - 1).abs() > 0.1).all()
    center = more.x3d.mean(1)
    torch.testing.assert_close(other.cost.center(), center)
    masked, mask = padded(data, "masked")
    with pytest.raises(ValueError, match="mask leaves points out, but every_point"):
        build_problem(*masked.correspondences, every, manifold_of(4), mask=mask)
