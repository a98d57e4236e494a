"""Proposals: replay of the published fits, and what the default fit guarantees beyond them."""

import math

import numpy as np
import pytest
import torch

from epropnp.distributions import AngularCentralGaussian, MultivariateT, VonMisesUniformMix
from epropnp.fitting import (
    PublishedFit,
    ScaledFit,
    cholesky_or,
    circular_moments,
    clip_log_weights,
    normalized_weights,
)
from epropnp.manifolds import QuatPose
from epropnp.proposals import (
    QuaternionPoseProposal,
    QuaternionProposals,
    YawPoseProposal,
    YawProposals,
    quaternion_frame,
)

CASES = (0, 2, 4, 6)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def recorded_run(golden_file, dof, case):
    with np.load(golden_file(f"pnp_{dof}dof.npz")) as data:
        prefix = f"case{case}_out_amis_"
        return {
            k.removeprefix(prefix): torch.from_numpy(data[k])
            for k in data.files
            if k.startswith(prefix)
        }


def recorded_proposals(run, dof):
    def rotation(i):
        if dof == 4:
            return VonMisesUniformMix(run["rot_mode"][i, :, 0], run["rot_kappa"][i, :, 0])
        return AngularCentralGaussian(run["rot_cov_tril"][i])

    record = YawPoseProposal if dof == 4 else QuaternionPoseProposal
    return [
        record(MultivariateT(run["trans_mode"][i], run["trans_cov_tril"][i]), rotation(i))
        for i in range(4)
    ]


def normalized_covariance(acg):
    factor = acg.scale_tril if acg.frame is None else acg.frame @ acg.scale_tril
    covariance = factor @ factor.mT
    return covariance / covariance.diagonal(dim1=1, dim2=2).sum(-1)[:, None, None]


def assert_same_proposal(ours, reference, rtol):
    close = {"rtol": rtol, "atol": rtol}
    torch.testing.assert_close(ours.translation.loc, reference.translation.loc, **close)
    covariances = [
        p.translation.scale_tril @ p.translation.scale_tril.mT for p in (ours, reference)
    ]
    scale = covariances[1].abs().amax((1, 2), keepdim=True)
    torch.testing.assert_close(covariances[0] / scale, covariances[1] / scale, **close)
    if isinstance(ours, YawPoseProposal):
        torch.testing.assert_close(ours.yaw.loc, reference.yaw.loc, **close)
        torch.testing.assert_close(ours.yaw.concentration, reference.yaw.concentration, **close)
        return
    covariances = [normalized_covariance(p.quaternion) for p in (ours, reference)]
    torch.testing.assert_close(*covariances, rtol=rtol, atol=1e-14)
    determinants = [c.logdet() for c in covariances]
    torch.testing.assert_close(*determinants, rtol=0, atol=10 * rtol)


def published_family(dof):
    return YawProposals(PublishedFit()) if dof == 4 else QuaternionProposals(PublishedFit())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dof", [4, 6])
def test_first_proposal_matches_reference(golden_file, dof, case):
    run = recorded_run(golden_file, dof, case)
    ours = published_family(dof).around(run["pose_opt"], run["init_cov"])
    assert_same_proposal(ours, recorded_proposals(run, dof)[0], rtol=1e-9)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dof", [4, 6])
def test_published_fits_match_reference(golden_file, dof, case):
    """Each refit of a recorded run, from the log weights recovered for that stage.

    The reference's von Mises normaliser, a float polynomial, is 1e-7 off the exact one, which
    the fits of a 4DoF run inherit.
    """
    run = recorded_run(golden_file, dof, case)
    proposals, poses = recorded_proposals(run, dof), run["pose_samples"]
    log_prob = torch.stack([p.log_prob(poses) for p in proposals])
    cost = -(run["logweights"] + log_prob.logsumexp(0) - math.log(4))
    for stage in (1, 2, 3):
        num = stage * len(poses) // 4
        log_weights = -cost[:num] - log_prob[:stage, :num].logsumexp(0) + math.log(stage)
        ours = published_family(dof).fit(poses[:num], log_weights)
        assert_same_proposal(ours, proposals[stage], rtol=3e-7 if dof == 4 else 1e-9)


def test_published_fallbacks_where_a_covariance_is_not_positive_definite():
    broken = -torch.eye(6, dtype=torch.float64)[None]
    pose = torch.zeros(1, 7, dtype=torch.float64)
    pose[:, 3] = 1
    rule = PublishedFit()
    yaw = YawProposals(rule).around(pose[:, :4], broken[:, :4, :4])
    torch.testing.assert_close(
        yaw.translation.scale_tril[0].diagonal(), torch.tensor([1.0, 1, 4]).double()
    )
    assert yaw.yaw.concentration == pytest.approx(0.33 / 1e-5)
    quaternion = QuaternionProposals(rule)._proposal(
        pose[:, :3], broken[:, :3, :3], torch.eye(4).double()[None], broken[:, :4, :4]
    )
    torch.testing.assert_close(quaternion.translation.scale_tril[0], torch.eye(3).double())
    torch.testing.assert_close(quaternion.quaternion.scale_tril[0], torch.eye(4).double())


def families():
    return [YawProposals(), QuaternionProposals(), published_family(4), published_family(6)]


def sizes(family):
    return (4, 4) if isinstance(family, YawProposals) else (7, 6)


def start(family, batch=3, dtype=torch.float64, spread=0.1, seed=0):
    """Poses and covariances of different orientation, std near ``spread``."""
    num_params, dof = sizes(family)
    rng = np.random.default_rng(seed)
    pose = torch.from_numpy(rng.standard_normal((batch, num_params)))
    if dof == 6:
        pose[:, 3:] /= pose[:, 3:].norm(dim=-1, keepdim=True)
    mixed = torch.from_numpy(rng.standard_normal((batch, dof, dof)) * 0.3 + np.eye(dof))
    return pose.to(dtype), (spread**2 * mixed @ mixed.mT).to(dtype)


@pytest.mark.parametrize("family", families(), ids=repr)
def test_importance_weights_between_proposals_average_to_one(family):
    """Both densities are normalised with respect to one measure, and sampled as they say."""
    first = family.around(*start(family))
    other = family.fit(first.sample(400, generator(1)), torch.zeros(400, 3, dtype=torch.float64))
    samples = other.sample(20_000, generator(2))
    ratio = (first.log_prob(samples) - other.log_prob(samples)).exp()
    error = ratio.std(0) / math.sqrt(len(ratio))
    assert ((ratio.mean(0) - 1).abs() < 4.5 * error).all(), (ratio.mean(0), error)
    assert (error < 0.1).all()


@pytest.mark.parametrize("family", families(), ids=repr)
def test_first_proposal_has_its_mode_at_the_solution(family):
    pose, covariance = start(family)
    proposal = family.around(pose, covariance)
    moved = proposal.sample(200, generator(3))
    at_mode = proposal.log_prob(pose[None])[0]
    assert at_mode.shape == (3,)
    assert (proposal.log_prob(moved) <= at_mode + 1e-12).all()


def test_quaternion_proposal_spreads_along_the_tangent_of_the_retraction():
    """The curvature of the log density at the mode is -4 times (C^-1), as C is small."""
    family = QuaternionProposals()
    pose, covariance = start(family, spread=1e-3)
    proposal = family.around(pose, covariance)

    def log_prob(step):
        full = torch.cat((torch.zeros_like(step), step), dim=-1)
        moved = QuatPose().retract(pose, full)
        return proposal.quaternion.log_prob(moved[None, :, 3:]).sum()

    hessian = torch.func.hessian(log_prob)(torch.zeros(3, 3, dtype=torch.float64))
    for i in range(3):
        expected = -4 * torch.linalg.inv(covariance[i, 3:, 3:])
        torch.testing.assert_close(hessian[i, :, i], expected, rtol=1e-5, atol=1.0)


def test_quaternion_frame_is_a_rotation_with_the_quaternion_first():
    quaternion = torch.nn.functional.normalize(torch.randn(5, 4, dtype=torch.float64), dim=-1)
    frame = quaternion_frame(quaternion)
    torch.testing.assert_close(frame @ frame.mT, torch.eye(4).double().expand(5, 4, 4))
    torch.testing.assert_close(frame[..., 0], quaternion)


@pytest.mark.parametrize("scale", [1e-6, 1e-2, 1e4])
@pytest.mark.parametrize("family", [YawProposals(), QuaternionProposals()], ids=repr)
def test_default_fit_scales_with_the_problem(family, scale):
    poses = family.around(*start(family)).sample(64, generator(4))
    log_weights = torch.randn(64, 3, dtype=torch.float64, generator=generator(5)) * 5
    scaled = poses.clone()
    scaled[..., :3] *= scale
    fitted, rescaled = family.fit(poses, log_weights), family.fit(scaled, log_weights)
    expected = fitted.translation.scale_tril * scale
    torch.testing.assert_close(rescaled.translation.scale_tril, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("spread", [1e-3, 0.3])
@pytest.mark.parametrize("family", [YawProposals(), QuaternionProposals()], ids=repr)
def test_default_fit_survives_one_sample_carrying_all_weight(family, spread):
    """A plain moment fit would have a singular covariance here, and never leave that sample."""
    proposal = family.around(*start(family, spread=spread))
    poses = proposal.sample(64, generator(6))
    log_weights = torch.randn(64, 3, dtype=torch.float64, generator=generator(7))
    log_weights[11] += 1000
    fitted = family.fit(poses, log_weights)
    drawn = fitted.sample(100, generator(8))
    spread_of_fit = fitted.translation.scale_tril.diagonal(dim1=1, dim2=2)
    assert (spread_of_fit > 0.05 * spread).all()
    assert fitted.log_prob(drawn).isfinite().all()
    distances = (drawn[:, None, :, :3] - poses[None, :, :, :3]).norm(dim=-1)
    assert (distances.amin(1).amax(0) > 0.01 * spread).all()


@pytest.mark.parametrize("family", families(), ids=repr)
def test_unusable_samples_weigh_nothing(family):
    poses = family.around(*start(family)).sample(40, generator(9))
    log_weights = torch.randn(40, 3, dtype=torch.float64, generator=generator(10))
    fitted = family.fit(poses, log_weights)
    bad = log_weights.clone()
    bad[3], bad[7], bad[20] = math.nan, -math.inf, math.inf
    keep = [i for i in range(40) if i not in (3, 7, 20)]
    clean, dirty = family.fit(poses[keep], log_weights[keep]), family.fit(poses, bad)
    assert_same_proposal(dirty, clean, rtol=1e-9)
    hopeless = log_weights.clone()
    hopeless[:, 1] = math.nan
    after = family.fit(poses, hopeless)
    assert after.log_prob(poses).isfinite().all()
    torch.testing.assert_close(
        after.log_prob(poses)[:, [0, 2]], fitted.log_prob(poses)[:, [0, 2]], rtol=1e-12, atol=0
    )


@pytest.mark.parametrize("family", families(), ids=repr)
def test_a_nan_object_stays_alone(family):
    pose, covariance = start(family)
    good = family.around(pose, covariance)
    pose[1] = covariance[1] = math.nan
    broken = family.around(pose, covariance)
    poses = good.sample(30, generator(11))
    log_weights = torch.randn(30, 3, dtype=torch.float64, generator=generator(12))
    broken_poses = poses.clone()
    broken_poses[:, 1] = math.nan
    for left, right in (
        (good, broken),
        (family.fit(poses, log_weights), family.fit(broken_poses, log_weights)),
    ):
        torch.testing.assert_close(
            left.log_prob(poses)[:, [0, 2]], right.log_prob(poses)[:, [0, 2]], rtol=1e-12, atol=0
        )


@pytest.mark.parametrize("family", [YawProposals(), QuaternionProposals()], ids=repr)
def test_float32_agrees_with_float64_for_sharp_solutions(family):
    """Spreads of 1e-4 m and rad at metres of distance, where the published fit saturates."""
    pose, covariance = start(family, spread=1e-4)
    double = family.around(pose, covariance)
    single = family.around(pose.float(), covariance.float())
    poses = double.sample(64, generator(13))
    log_weights = double.log_prob(poses)
    fits = family.fit(poses, log_weights), family.fit(poses.float(), log_weights.float())
    for left, right in ((double, single), fits):
        torch.testing.assert_close(
            right.translation.scale_tril.double(), left.translation.scale_tril, rtol=0.05, atol=1e-6
        )
        rotation = [p.quaternion if sizes(family)[1] == 6 else p.yaw for p in (left, right)]
        if sizes(family)[1] == 4:
            kappa = [r.concentration.double() for r in rotation]
            torch.testing.assert_close(kappa[1], kappa[0], rtol=0.05, atol=0)
        else:
            volume = [r.scale_tril.diagonal(dim1=1, dim2=2).double().log().sum(1) for r in rotation]
            torch.testing.assert_close(volume[1], volume[0], rtol=0, atol=0.2)


@pytest.mark.parametrize("family", families(), ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_objects(family, dtype):
    proposal = family.around(*start(family, batch=0, dtype=dtype))
    poses = proposal.sample(8, generator())
    assert poses.shape == (8, 0, sizes(family)[0])
    assert family.fit(poses, proposal.log_prob(poses)).log_prob(poses).shape == (8, 0)


def test_flat_covariance_gives_a_wide_proposal_not_an_error():
    """Zero weights make the solver's covariance 1e5 in every direction."""
    for family in families():
        pose, covariance = start(family)
        wide = 1e5 * torch.eye(covariance.shape[-1], dtype=torch.float64).expand_as(covariance)
        proposal = family.around(pose, wide)
        poses = proposal.sample(64, generator(14))
        assert proposal.log_prob(poses).isfinite().all()
        assert poses[..., :3].std() > 50


def test_clipping_bounds_the_effective_sample_size_from_below():
    log_weights = torch.randn(64, 5, dtype=torch.float64, generator=generator(15)) * 30
    weights = normalized_weights(clip_log_weights(log_weights, 9))
    assert (1 / weights.square().sum(0) >= 9 - 1e-9).all()
    order = log_weights.argsort(0)
    assert (weights.gather(0, order).diff(dim=0) >= 0).all()
    even = torch.zeros(64, 2)
    torch.testing.assert_close(ScaledFit().weights(even), torch.full((64, 2), 1 / 64))


def test_circular_variance_is_exact_for_narrow_distributions():
    angles = torch.tensor([-1e-9, 1e-9], dtype=torch.float64)[:, None] + 3.0
    mean, variance = circular_moments(angles, torch.full((2, 1), 0.5, dtype=torch.float64))
    assert mean.item() == pytest.approx(3.0)
    assert variance.item() == pytest.approx(0.5e-18, rel=1e-5)


def test_cholesky_or_replaces_only_what_fails():
    matrix = torch.stack((4 * torch.eye(2), -torch.eye(2), torch.full((2, 2), math.nan)))
    factor = cholesky_or(matrix, torch.eye(2))
    torch.testing.assert_close(factor, torch.stack((2 * torch.eye(2), torch.eye(2), torch.eye(2))))
