"""Heavy-tailed distributions from which the Monte Carlo sampler draws poses.

Each class is a frozen record of per-object parameters with ``sample`` and ``log_prob``. Nothing is
validated (a check would make the host wait for the device); bad parameters of one object give
non-finite numbers for that object alone. All draws come from torch's generator, so one seed gives
one result on one device.

Shapes: S samples, B objects. Parameters may have axes before B, such as the components of a
mixture; samples and densities then have them after S. Units: metres, radians.
Source: EPro-PnP (arXiv 2203.13254), appendix on the proposal distribution.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from epropnp import linear
from epropnp.record import Record

LOG_TWO_PI = math.log(2.0 * math.pi)
LOG_SPHERE_AREA = math.log(2.0 * math.pi**2)  # surface of the unit sphere in four dimensions


def whiten(scale_tril: Tensor, vectors: Tensor) -> Tensor:
    """Solve ``scale_tril @ out = vectors``: factors (..., B, d, d), vectors (S, ..., B, d)."""
    columns = vectors.movedim(0, -1)  # one right-hand side matrix per object
    return torch.linalg.solve_triangular(scale_tril, columns, upper=False).movedim(-1, 0)


def _log_diagonal(scale_tril: Tensor) -> Tensor:
    """Log determinant (B,) of (B, d, d) triangular factors."""
    return scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _draw_normal(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randn(shape, dtype=like.dtype, device=like.device, generator=generator)


def _draw_uniform(
    shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None
) -> Tensor:
    return torch.rand(shape, dtype=like.dtype, device=like.device, generator=generator)


def wrap_angle(angle: Tensor) -> Tensor:
    """Angles of any shape, in radians, brought into [-pi, pi)."""
    return torch.remainder(angle + math.pi, 2.0 * math.pi) - math.pi


@dataclass(frozen=True)
class MultivariateT(Record):
    """Multivariate Student t distribution of translations.

    Attributes:
        loc: (B, d) mode.
        scale_tril: (B, d, d) lower-triangular factor of the scale matrix (not of the covariance,
            which is ``dof / (dof - 2)`` times larger).
        dof: degrees of freedom, a positive integer; small values give heavy tails.
    """

    loc: Tensor
    scale_tril: Tensor
    dof: int = 3

    def sample(self, num: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw (num, B, d) independent vectors."""
        dim = self.loc.shape[-1]
        shape = (num, *self.loc.shape[:-1], dim + self.dof)
        normal = _draw_normal(shape, self.loc, generator)
        # a chi-squared variable is the sum of `dof` squared normal ones
        chi_squared = normal[..., dim:].square().sum(-1, keepdim=True)
        spread = normal[..., :dim] * torch.rsqrt(chi_squared / self.dof)
        return self.loc + linear.apply(self.scale_tril, spread)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (S, B) of ``value`` (S, B, d) with respect to volume."""
        dim = self.loc.shape[-1]
        half = 0.5 * (self.dof + dim)
        normalizer = (
            math.lgamma(half)
            - math.lgamma(0.5 * self.dof)
            - 0.5 * dim * math.log(self.dof * math.pi)
        )
        squared = whiten(self.scale_tril, value - self.loc).square().sum(-1)
        return normalizer - _log_diagonal(self.scale_tril) - half * torch.log1p(squared / self.dof)


@dataclass(frozen=True)
class VonMisesUniformMix(Record):
    """Mixture of a von Mises and the uniform distribution on the circle.

    The uniform part keeps every heading reachable, whatever the fit of the other part.

    Attributes:
        loc: (B,) mode, radians.
        concentration: (B,) of the von Mises part, about one over its variance; 0 is uniform.
        uniform_weight: weight of the uniform part, in (0, 1).
    """

    loc: Tensor
    concentration: Tensor
    uniform_weight: float = 0.25

    def split(self, num: int) -> tuple[int, float]:
        """How many of so many draws are uniform, and the chance that one more is."""
        whole = math.floor(self.uniform_weight * num)
        return whole, self.uniform_weight * num - whole

    def sample(self, num: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw (num, B) angles in [-pi, pi), first the uniform ones.

        Their number is ``uniform_weight num``, one more or less at random where that is not a whole
        number. This is stratified sampling of the mixture: the same density as independent draws of
        the component, with less variance.

        Args:
            num: samples per object.
            generator: source of random numbers; torch's default one if None.
        """
        whole, rest = self.split(num)
        batch = self.loc.shape
        uniform = _draw_uniform((whole + (rest > 0), *batch), self.loc, generator)
        uniform = (2.0 * uniform - 1.0) * math.pi
        peaked = self.loc + sample_von_mises(self.concentration, num - whole, generator)
        peaked = wrap_angle(peaked)
        if rest > 0:
            one_more = _draw_uniform((1, *batch), self.loc, generator) < rest
            either = torch.where(one_more, uniform[whole:], peaked[:1])
            return torch.cat((uniform[:whole], either, peaked[1:]))
        return torch.cat((uniform, peaked))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (S, B) of ``value`` (S, B), radians; any turn of an angle is the same."""
        peaked = von_mises_log_prob(value - self.loc, self.concentration)
        flat = value.new_full((), math.log(self.uniform_weight) - LOG_TWO_PI)
        return torch.logaddexp(peaked + math.log1p(-self.uniform_weight), flat)


def von_mises_log_prob(angle: Tensor, concentration: Tensor) -> Tensor:
    """Log density of a von Mises distribution centred on zero.

    Written with the exponentially scaled Bessel function and half-angle sine, so that it keeps
    full relative precision in float32 at any concentration.

    Args:
        angle: (..., B), radians.
        concentration: (B,), not negative.

    Returns:
        (..., B) log density per radian.
    """
    exponent = -2.0 * concentration * torch.sin(0.5 * angle).square()
    return exponent - torch.special.i0e(concentration).log() - LOG_TWO_PI


def candidates_for(num: int) -> int:
    """Candidates of the rejection in `sample_von_mises` for so many draws."""
    return 2 * num + 32


def sample_von_mises(
    concentration: Tensor, num: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draw from von Mises distributions centred on zero, without a loop or a host wait.

    Rejection from the wrapped Cauchy envelope of Best and Fisher (Applied Statistics 28, 1979),
    with the half-angle tangent as variable, which does not cancel at large concentrations. At
    least 65.7 % of the candidates pass, so of ``2 num + 32`` candidates fewer than ``num`` pass
    with a probability below 1e-11; only then rejected candidates are used.

    Args:
        concentration: (B,), not negative.
        num: samples per object.
        generator: source of random numbers; torch's default one if None.

    Returns:
        (num, B) angles in [-pi, pi], radians.
    """
    shape = (candidates_for(num), *concentration.shape)
    root = torch.hypot(torch.ones_like(concentration), 2.0 * concentration)
    total = root + 2.0 * concentration
    slack = total.reciprocal()  # root - 2 concentration, without the cancellation
    envelope = (1.0 + slack) / (1.0 + total)  # squared scale of the Cauchy variable tan(angle / 2)

    cauchy = torch.tan(math.pi * (_draw_uniform(shape, concentration, generator) - 0.5))
    half_angle = torch.atan(envelope.sqrt() * cauchy)
    sine2 = torch.sin(half_angle).square()
    log_accept = (
        0.5 * (1.0 - slack)
        - 2.0 * concentration * sine2
        + torch.log((envelope + (1.0 - envelope) * sine2) * (0.5 * (1.0 + total)))
    )
    rejected = _draw_uniform(shape, concentration, generator).log() > log_accept
    first_accepted = rejected.to(torch.uint8).argsort(dim=0, stable=True)[:num]
    return 2.0 * half_angle.gather(0, first_accepted)


@dataclass(frozen=True)
class AngularCentralGaussian(Record):
    """Angular central Gaussian on unit quaternions: the direction of a 4D normal vector.

    Antipodal quaternions, which are one rotation, have equal density. The covariance is
    ``frame @ scale_tril @ scale_tril.T @ frame.T``. A frame whose first axis is the mode keeps the
    small variances of a sharp peak apart from the large one; a plain Cholesky factor loses them
    to float32 rounding below a spread of about 3e-4.

    Attributes:
        scale_tril: (B, 4, 4) lower-triangular factor; its overall scale has no effect.
        frame: (B, 4, 4) rotation of the factor's axes in quaternion space; identity if None.
    """

    scale_tril: Tensor
    frame: Tensor | None = None

    def sample(self, num: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw (num, B, 4) independent unit quaternions."""
        shape = (num, *self.scale_tril.shape[:-1])
        normal = _draw_normal(shape, self.scale_tril, generator)
        vector = linear.apply(self.scale_tril, normal)
        if self.frame is not None:
            vector = linear.apply(self.frame, vector)
        norm = vector.norm(dim=-1, keepdim=True)
        identity = torch.eye(4, dtype=vector.dtype, device=vector.device)[0]
        return torch.where(norm > torch.finfo(norm.dtype).tiny, vector / norm, identity)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (S, B) of ``value`` (S, B, 4) with respect to area of the unit sphere."""
        if self.frame is not None:
            value = linear.apply(self.frame.mT, value)
        squared = whiten(self.scale_tril, value).square().sum(-1)
        return -2.0 * squared.log() - _log_diagonal(self.scale_tril) - LOG_SPHERE_AREA
