"""Each term is the derivative of itself and says what it should; `test_sums` has their sums."""

import math

import pytest
import torch

from epropnp.conversions import pose_to_matrix
from epropnp.frames import ObjectFrame
from epropnp.manifolds import QuatPose, YawPose
from epropnp.terms import PlaneCost, PosePrior, SumCost, ViewedCost
from pnp_scenes import cost_of, random_pose, scene, tilted

NUM = 3
GRAVITY = tilted(NUM)
MANIFOLDS = [
    pytest.param(YawPose(), id="yaw"),
    pytest.param(YawPose(GRAVITY), id="tilted yaw"),
    pytest.param(QuatPose(), id="quaternion"),
]
KINDS = ["prior", "moved prior", "plane", "view", "sum"]


def covariance(dof, seed=0):
    generator = torch.Generator().manual_seed(seed)
    factor = torch.randn(NUM, dof, dof, generator=generator, dtype=torch.float64)
    return 0.1 * (factor @ factor.mT + torch.eye(dof, dtype=torch.float64))


def poses(manifold, seed=5):
    return random_pose(manifold.dof, NUM, torch.Generator().manual_seed(seed))


def term_of(kind, manifold):
    prior = PosePrior.from_covariance(poses(manifold, 6), covariance(manifold.dof), manifold)
    vector = torch.tensor([[0.3, -0.5, 0.2], [0.0, 1.0, 0.4], [-0.2, 0.1, 0.6]]).double()
    plane = PlaneCost.ground(vector, torch.tensor([1.5, 1.6, 0.2]).double(), 0.2, manifold)
    gravity = getattr(manifold, "gravity", None)
    points = cost_of(
        scene(manifold.dof, NUM, noise=1.0, gravity=gravity), manifold.dof, 3.0, gravity
    )
    view = ViewedCost.from_camera(points, tilted(NUM, 2), 0.1 * vector, manifold)
    return {
        "prior": prior,
        "moved prior": prior.moved(vector).moved(0.5 * vector),
        "plane": plane,
        "view": view,
        "sum": SumCost((points, prior, plane, view)),
    }[kind]


@pytest.mark.parametrize("manifold", MANIFOLDS)
@pytest.mark.parametrize("kind", KINDS)
def test_normal_equations_are_the_derivatives_of_the_value(kind, manifold):
    term, pose = term_of(kind, manifold), poses(manifold)
    step = torch.zeros(NUM, manifold.dof, dtype=torch.float64, requires_grad=True)
    value = term.value(manifold.retract(pose, step))
    (gradient,) = torch.autograd.grad(value.sum(), step)
    found = term.normal_equations(pose)
    torch.testing.assert_close(found.value, value.detach(), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(found.gradient, gradient, rtol=1e-8, atol=1e-8)
    eigenvalues = torch.linalg.eigvalsh(found.hessian)
    assert eigenvalues.min() > -1e-9 * eigenvalues.max()


@pytest.mark.parametrize("manifold", MANIFOLDS)
@pytest.mark.parametrize("kind", ["prior", "moved prior", "plane"])
def test_curvature_is_that_of_the_residuals(kind, manifold):
    """Gauss-Newton matrix from the Jacobian of the residuals by autograd."""
    term, pose = term_of(kind, manifold), poses(manifold)

    def residuals(step):
        return term.linearize(manifold.retract(pose, step)).residual.sum(0)

    zero = torch.zeros(NUM, manifold.dof, dtype=torch.float64)
    dense = torch.autograd.functional.jacobian(residuals, zero).movedim(1, 0)
    found = term.normal_equations(pose).hessian
    torch.testing.assert_close(found, dense.mT @ dense, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("manifold", MANIFOLDS)
@pytest.mark.parametrize("kind", KINDS)
def test_samples_broadcast_and_zero_objects_are_a_batch(kind, manifold):
    term = term_of(kind, manifold)
    many = torch.stack([poses(manifold, seed) for seed in (1, 2)])
    values = term.value(many)
    assert values.shape == (2, NUM)
    torch.testing.assert_close(values[1], term.value(many[1]), rtol=1e-9, atol=1e-9)
    none = term.with_leaves({name: leaf[:0] for name, leaf in term.leaves().items()})
    assert none.value(many[:, :0]).shape == (2, 0)
    assert none.normal_equations(many[0, :0]).hessian.shape == (0, manifold.dof, manifold.dof)


@pytest.mark.parametrize("manifold", MANIFOLDS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_leaf(kind, manifold):
    term = term_of(kind, manifold)
    leaves = {name: leaf.clone().requires_grad_() for name, leaf in term.leaves().items()}
    many = torch.stack([poses(manifold, seed) for seed in (1, 2)])
    weights = torch.tensor([[1.0], [0.5]]).double().expand(2, NUM)
    values = term.with_leaves(leaves).value(many)
    direct = torch.autograd.grad((weights * values).sum(), list(leaves.values()), allow_unused=True)
    found = term.weighted_gradient(many, weights, list(leaves))
    for name, expected in zip(leaves, direct, strict=True):
        if expected is None:  # bounds of an unclipped scene, a vertical known in another term
            assert found[name].abs().max() == 0, name
        else:
            torch.testing.assert_close(found[name], expected, rtol=1e-9, atol=1e-9)
    reached = {name for name, grad in zip(leaves, direct, strict=True) if grad is not None}
    assert (
        {"pose", "root"} <= reached
        or {"normal", "offset"} <= reached
        or ({"rotation", "translation"} <= reached or "terms.3.cost.points_obj" in reached)
    )


def test_prior_is_normal_in_the_step():
    manifold = YawPose()
    mean, spread = poses(manifold), covariance(4)
    prior = PosePrior.from_covariance(mean, spread, manifold)
    step = torch.randn(NUM, 4, generator=torch.Generator().manual_seed(0)).double()
    expected = -torch.distributions.MultivariateNormal(torch.zeros(4).double(), spread).log_prob(
        step
    )
    constant = 2 * math.log(2 * math.pi) + 0.5 * torch.linalg.slogdet(spread).logabsdet
    torch.testing.assert_close(
        prior.value(mean + step), expected - constant, rtol=1e-10, atol=1e-10
    )
    assert prior.value(mean).abs().max() < 1e-20


def test_prior_of_a_rotation_is_normal_in_half_the_angle():
    mean = poses(QuatPose())
    prior = PosePrior.from_covariance(mean, 0.04 * torch.eye(6).double(), QuatPose())
    angle = torch.tensor([0.3, 1.0, 3.0]).double()
    turned = QuatPose().retract(mean, torch.nn.functional.pad((angle / 2).tan()[:, None], (3, 2)))
    torch.testing.assert_close(prior.value(turned), 0.5 * (angle / 2 / 0.2) ** 2)
    negated = torch.cat((turned[:, :3], -turned[:, 3:]), dim=1)
    torch.testing.assert_close(prior.value(negated), prior.value(turned))


@pytest.mark.parametrize("manifold", MANIFOLDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_moved_term_sees_the_same_pose(kind, manifold):
    term, pose = term_of(kind, manifold), poses(manifold)
    origin = torch.tensor([[0.3, -0.5, 0.2], [0.1, 0.9, 0.0], [0.0, 0.0, 0.0]]).double()
    frame = ObjectFrame(manifold, origin)
    torch.testing.assert_close(
        term.moved(origin).value(frame.enter(pose)), term.value(pose), rtol=1e-9, atol=1e-9
    )


def upper_triangle(spread):
    spread[1, 0, 5] = math.nan  # which a Cholesky factor never reads


@pytest.mark.parametrize("spoil", [lambda spread: spread[1].zero_(), upper_triangle])
def test_a_prior_that_is_not_finite_says_nothing_and_harms_nobody(spoil):
    mean, spread = poses(QuatPose()), covariance(6)
    good = PosePrior.from_covariance(mean, spread, QuatPose())
    mean, spread = mean.clone(), spread.clone()
    mean[0, 4] = math.nan
    spoil(spread)  # no inverse, or no number
    prior = PosePrior.from_covariance(mean, spread, QuatPose())
    value = prior.value(poses(QuatPose(), 9))
    assert value[:2].tolist() == [0.0, 0.0]
    torch.testing.assert_close(value[2], good.value(poses(QuatPose(), 9))[2])


@pytest.mark.parametrize("manifold", MANIFOLDS)
def test_ground_is_below_the_camera_along_the_vertical(manifold):
    pose = poses(manifold)
    point = torch.tensor([[0.1, 0.8, 0.3]]).double().expand(NUM, 3)
    gravity = getattr(manifold, "gravity", None)
    place = manifold.rotation_matrix(pose) @ point[0] + pose[:, :3]
    upright = place if gravity is None else (gravity @ place.unsqueeze(-1)).squeeze(-1)
    plane = PlaneCost.ground(point, torch.full((NUM,), 1.5).double(), 0.1, manifold)
    torch.testing.assert_close(plane.value(pose), 0.5 * ((upright[:, 1] - 1.5) / 0.1) ** 2)


def test_a_plane_that_is_not_finite_says_nothing():
    point = torch.zeros(2, 3).double()
    point[0, 1] = math.nan
    plane = PlaneCost.from_plane(
        point, torch.tensor([0.0, 0, 1]), torch.tensor([5.0, 5.0]), 0.5, YawPose()
    )
    assert plane.value(torch.zeros(2, 4).double()).tolist() == [0.0, 50.0]


@pytest.mark.parametrize("manifold", MANIFOLDS)
def test_a_view_agrees_with_composed_transforms(manifold):
    term, pose = term_of("view", manifold), poses(manifold)
    rig = torch.eye(4).double().repeat(NUM, 1, 1)
    rig[:, :3, :3], rig[:, :3, 3] = term.rotation, term.translation
    seen = pose_to_matrix(term.cost.manifold, term.seen(pose))
    torch.testing.assert_close(seen, rig @ pose_to_matrix(manifold, pose))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: PosePrior.from_covariance(torch.zeros(2, 4), torch.eye(4), QuatPose()),
            "pose must",
        ),
        (
            lambda: PosePrior.from_covariance(torch.zeros(2, 4), torch.eye(6), YawPose()),
            r"covariance must be \(4, 4\) or \(2, 4, 4\), got \(6, 6\)",
        ),
        (
            lambda: PlaneCost.ground(torch.zeros(2, 3), torch.zeros(3), 0.1, QuatPose()),
            r"offset must be \(2,\)",
        ),
        (
            lambda: PlaneCost.ground(torch.zeros(3), torch.zeros(3), 0.1, QuatPose()),
            "point_obj must be",
        ),
        (lambda: SumCost(()), "at least one term"),
        (
            lambda: SumCost((term_of("plane", YawPose()), term_of("plane", QuatPose()))),
            "same poses",
        ),
        (
            lambda: ViewedCost.from_camera(
                term_of("plane", QuatPose()), torch.eye(4), torch.zeros(3), QuatPose()
            ),
            "rotation must be",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()
