"""Densities against scipy and reference numbers, samplers by goodness of fit."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from epropnp.distributions import (
    AngularCentralGaussian,
    MultivariateT,
    VonMisesUniformMix,
    sample_von_mises,
    von_mises_log_prob,
)

P_VALUE = 1e-4  # a correct sampler fails one seeded test in ten thousand
CONCENTRATIONS = (0.0, 1e-3, 0.3, 2.5, 40.0, 1500.0, 33000.0, 1e7)


def load(golden_file, prefix):
    with np.load(golden_file("distributions.npz")) as data:
        return {k: torch.from_numpy(data[k]) for k in data.files if k.startswith(prefix)}


def random_factor(batch, dim, seed=0):
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((batch, dim, dim)) * 0.4 + np.eye(dim)
    return torch.from_numpy(np.linalg.cholesky(mixed @ mixed.swapaxes(1, 2)))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_t_matches_reference(golden_file):
    ref = load(golden_file, "t_")
    ours = MultivariateT(ref["t_loc"], ref["t_tril"], dof=int(ref["t_df"])).log_prob(ref["t_x"])
    torch.testing.assert_close(ours, ref["t_logprob"], rtol=1e-12, atol=1e-12)


def test_von_mises_mixture_matches_exact_reference(golden_file):
    ref = load(golden_file, "vm_")
    mixture = VonMisesUniformMix(
        ref["vm_loc"][:, 0], ref["vm_kappa"][:, 0], float(ref["vm_uniform_mix"])
    )
    ours = mixture.log_prob(ref["vm_x"][..., 0])
    torch.testing.assert_close(ours, ref["vm_logprob_exact"][..., 0], rtol=1e-11, atol=1e-11)


def test_angular_gaussian_matches_reference(golden_file):
    ref = load(golden_file, "acg_")
    ours = AngularCentralGaussian(ref["acg_tril"]).log_prob(ref["acg_x"])
    torch.testing.assert_close(ours, ref["acg_logprob"], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dof", [1, 3, 8])
def test_t_density_against_scipy(dof):
    factor = random_factor(3, 3)
    loc = torch.tensor([[0.0, 0, 0], [1, -2, 30], [5, 5, 5]], dtype=torch.float64)
    values = loc + torch.randn(20, 3, 3, dtype=torch.float64, generator=generator()) * 4
    ours = MultivariateT(loc, factor, dof).log_prob(values)
    for i in range(3):
        shape = (factor[i] @ factor[i].T).numpy()
        oracle = stats.multivariate_t(loc[i].numpy(), shape, df=dof).logpdf(values[:, i].numpy())
        np.testing.assert_allclose(ours[:, i], oracle, rtol=1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_t_samples_fit_their_marginals_and_radius(dtype):
    factor, loc = random_factor(2, 3, seed=3).to(dtype), torch.tensor([[0.0, 1, 9], [-4, 0, 2]])
    samples = MultivariateT(loc.to(dtype), factor).sample(20_000, generator(5)).double()
    assert samples.shape == (20_000, 2, 3)
    scale = (factor @ factor.mT).double().diagonal(dim1=1, dim2=2).sqrt()
    for i in range(2):
        for axis in range(3):
            standard = (samples[:, i, axis] - loc[i, axis]) / scale[i, axis]
            assert stats.kstest(standard.numpy(), stats.t(3).cdf).pvalue > P_VALUE
        white = np.linalg.solve(factor[i].double().numpy(), (samples[:, i] - loc[i]).numpy().T)
        assert stats.kstest((white**2).sum(0) / 3, stats.f(3, 3).cdf).pvalue > P_VALUE


@pytest.mark.parametrize("kappa", CONCENTRATIONS)
def test_von_mises_log_density_keeps_relative_precision_in_float32(kappa):
    angle = np.linspace(-math.pi, math.pi, 41) * min(1.0, 6 / math.sqrt(kappa + 1))
    angle = angle.astype(np.float32)
    exact = kappa * (np.cos(angle.astype(np.float64)) - 1) - np.log(special.ive(0, kappa))
    exact -= math.log(2 * math.pi)
    ours = von_mises_log_prob(torch.from_numpy(angle)[:, None], torch.tensor([kappa]))[:, 0]
    assert ours.dtype == torch.float32
    np.testing.assert_allclose(ours, exact, rtol=3e-6, atol=3e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_von_mises_samples_fit_scipy(dtype):
    samples = sample_von_mises(torch.tensor(CONCENTRATIONS, dtype=dtype), 20_000, generator(1))
    for i, kappa in enumerate(CONCENTRATIONS):
        cdf = stats.vonmises(kappa).cdf if kappa > 0 else stats.uniform(-math.pi, 2 * math.pi).cdf
        assert stats.kstest(samples[:, i].double().numpy(), cdf).pvalue > P_VALUE


def test_von_mises_samples_are_exact_for_few_draws():
    """Rejection must not favour any part of the circle when only a few samples are asked for."""
    kappa = torch.full((5000,), 3.0, dtype=torch.float64)
    samples = sample_von_mises(kappa, 2, generator(2)).flatten().numpy()
    assert stats.kstest(samples, stats.vonmises(3.0).cdf).pvalue > P_VALUE


def test_mixture_draws_a_fixed_share_of_uniform_samples():
    loc = torch.tensor([3.0, -1.0], dtype=torch.float64)
    mixture = VonMisesUniformMix(loc, torch.tensor([1e6, 1e6], dtype=torch.float64))
    samples = mixture.sample(20_000, generator(3))
    assert samples.min() >= -math.pi
    assert samples.max() < math.pi
    uniform = samples[:5000, 0].numpy()
    assert stats.kstest(uniform, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > P_VALUE
    assert (samples[5000:] - loc).abs().max() < 0.01


@pytest.mark.parametrize("num", [1, 2, 6, 7, 30, 32])
def test_the_uniform_share_is_that_of_the_density_for_every_number(num):
    """Drawn are the whole part of it, and one more as often as the rest of it asks for."""
    batch = 4000
    loc = torch.zeros(batch, dtype=torch.float64)
    mixture = VonMisesUniformMix(loc, torch.full_like(loc, 1e6), uniform_weight=0.25)
    samples = mixture.sample(num, generator(4))
    assert samples.shape == (num, batch)
    uniform = (samples.abs() > 0.01).sum(0).double()
    assert (uniform <= math.ceil(0.25 * num)).all()
    rest = 0.25 * num % 1
    hidden = 0.25 * num * 0.01 / math.pi  # uniform draws near the peak
    error = math.sqrt((rest * (1 - rest) + hidden) / batch)
    assert abs(uniform.mean().item() - (0.25 * num - hidden)) <= 4.5 * error


def test_mixture_density_integrates_to_one():
    mixture = VonMisesUniformMix(torch.tensor([2.0]).double(), torch.tensor([7.0]).double(), 0.1)
    grid = torch.linspace(-math.pi, math.pi, 4001, dtype=torch.float64)
    density = mixture.log_prob(grid[:, None]).exp()[:, 0]
    assert integrate.simpson(density.numpy(), x=grid.numpy()) == pytest.approx(1.0, abs=1e-9)
    turned = mixture.log_prob(grid[:, None] + 4 * math.pi)[:, 0]
    torch.testing.assert_close(turned.exp(), density)


def random_frame(batch, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(np.linalg.qr(rng.standard_normal((batch, 4, 4)))[0])


def test_angular_gaussian_density_integrates_to_one_on_the_sphere():
    """Average over uniform quaternions times the area of the sphere, with its standard error."""
    acg = AngularCentralGaussian(random_factor(2, 4, seed=2), random_frame(2))
    uniform = torch.randn(200_000, 1, 4, dtype=torch.float64, generator=generator(6))
    uniform = (uniform / uniform.norm(dim=-1, keepdim=True)).expand(-1, 2, -1)
    mass = acg.log_prob(uniform).exp() * 2 * math.pi**2
    error = mass.std(0) / math.sqrt(len(mass))
    assert ((mass.mean(0) - 1).abs() < 4.5 * error).all()
    assert (error < 0.02).all()


def test_angular_gaussian_frame_is_a_change_of_coordinates():
    factor, frame = random_factor(3, 4), random_frame(3)
    framed = AngularCentralGaussian(factor, frame)
    covariance = frame @ factor @ factor.mT @ frame.mT
    plain = AngularCentralGaussian(torch.linalg.cholesky(covariance))
    samples = framed.sample(50, generator(7))
    torch.testing.assert_close(framed.log_prob(samples), plain.log_prob(samples))
    torch.testing.assert_close(framed.log_prob(samples), framed.log_prob(-samples))


def test_angular_gaussian_samples_follow_their_density():
    """In the eigenframe, squared components over eigenvalues of unit normals: ratios are Cauchy."""
    scale = torch.tensor([1.0, 0.2, 0.5, 2.0], dtype=torch.float64)
    samples = AngularCentralGaussian(torch.diag(scale)[None]).sample(20_000, generator(8))[:, 0]
    torch.testing.assert_close(samples.norm(dim=-1), torch.ones(20_000, dtype=torch.float64))
    for axis in (1, 2, 3):
        ratio = samples[:, axis] / samples[:, 0] / scale[axis]
        assert stats.kstest(ratio.numpy(), stats.cauchy.cdf).pvalue > P_VALUE


def test_angular_gaussian_with_a_frame_is_exact_for_sharp_peaks_in_float32():
    spread = torch.tensor([1.0, 1e-5, 1e-5, 1e-5])
    frame = random_frame(1, seed=4)
    step = torch.tensor([1.0, 1e-5, -5e-6, 2e-5], dtype=torch.float64)
    value = (frame[0] @ step / step.norm())[None, None]
    exact = AngularCentralGaussian(torch.diag(spread.double())[None], frame).log_prob(value)
    ours = AngularCentralGaussian(torch.diag(spread)[None], frame.float()).log_prob(value.float())
    torch.testing.assert_close(ours.double(), exact, rtol=0, atol=0.05)


def test_angular_gaussian_vanishing_vector_becomes_identity():
    samples = AngularCentralGaussian(torch.zeros(1, 4, 4)).sample(3, generator())
    torch.testing.assert_close(samples, torch.tensor([1.0, 0, 0, 0]).expand(3, 1, 4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [0, 1, 4])
def test_shapes_dtypes_and_seeds(batch, dtype):
    def make():
        loc, factor = torch.zeros(batch, 3, dtype=dtype), torch.eye(3, dtype=dtype)
        return (
            MultivariateT(loc, factor.expand(batch, 3, 3)),
            VonMisesUniformMix(loc[:, 0], torch.ones(batch, dtype=dtype)),
            AngularCentralGaussian(torch.eye(4, dtype=dtype).expand(batch, 4, 4)),
        )

    for distribution, tail in zip(make(), ((3,), (), (4,)), strict=True):
        samples = distribution.sample(6, generator(1))
        assert samples.shape == (6, batch, *tail)
        assert samples.dtype == dtype
        assert distribution.log_prob(samples).shape == (6, batch)
        assert distribution.log_prob(samples).dtype == dtype
        torch.testing.assert_close(samples, distribution.sample(6, generator(1)), rtol=0, atol=0)


def test_a_broken_object_does_not_disturb_the_others():
    factor = torch.eye(3).repeat(2, 1, 1)
    factor[1] = math.nan
    t = MultivariateT(torch.zeros(2, 3), factor)
    mixture = VonMisesUniformMix(torch.zeros(2), torch.tensor([4.0, math.nan]))
    quaternion = torch.eye(4).repeat(2, 1, 1)
    quaternion[1] = math.nan
    for broken in (t, mixture, AngularCentralGaussian(quaternion)):
        samples = broken.sample(40, generator(1))
        assert samples[:, 0].isfinite().all()
        assert broken.log_prob(samples)[:, 0].isfinite().all()
