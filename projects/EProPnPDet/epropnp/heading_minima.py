"""Minima of the linear start's quadratic form over headings.

The rotation of a heading is linear in its cosine and sine, and for every heading the best
translation is known. What is left is a quadratic form of (cos, sin, 1): a curve over the circle
with at most two minima, seen at a glance and refined by Newton steps.

Letters: B objects, K headings.
Source: Schur complement of the direct linear transform, see `epropnp.linear_start`.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from epropnp import linear
from epropnp.distributions import wrap_angle
from epropnp.initializers import lowest_distinct

if TYPE_CHECKING:
    from epropnp.linear_start import AlgebraicCost

GLANCE = 32  # headings at which the curve is looked at
SPACING = 2.0 * math.pi / GLANCE  # between them; no Newton step is longer


class Curve(NamedTuple):
    """The form of the best poses of headings: half a cos 2t + b sin 2t + c cos t + d sin t.

    Attributes:
        double: a and b, (2, B).
        single: c and d, (2, B).
        place: (B, 3, 3) translations, by (cos t, sin t, 1).
    """

    double: Tensor
    single: Tensor
    place: Tensor

    def value(self, cos: Tensor, sin: Tensor) -> Tensor:
        """Value (K, B), but for a constant, by cosine and sine (K, 1 or B) of headings."""
        (a, b), (c, d) = self.double, self.single
        return a * (cos * cos - sin * sin) + b * (2.0 * cos * sin) + c * cos + d * sin

    def depth(self, cos: Tensor, sin: Tensor) -> Tensor:
        """Depths (K, B) of the best poses, by cosine and sine (K, 1 or B) of headings."""
        by_cos, by_sin, always = self.place[:, 2].unbind(-1)
        return by_cos * cos + by_sin * sin + always

    def step(self, heading: Tensor) -> Tensor:
        """Newton step (K, B) of headings (K, B); none where the curve is not bent upwards."""
        (a, b), (c, d) = self.double, self.single
        cos, sin = heading.cos(), heading.sin()
        cos2, sin2 = cos * cos - sin * sin, 2.0 * cos * sin
        slope = 2.0 * (b * cos2 - a * sin2) + d * cos - c * sin
        bend = -4.0 * (a * cos2 + b * sin2) - c * cos - d * sin
        step = torch.where(bend > 0, -slope / bend, 0.0)
        return step.clamp(-SPACING, SPACING)

    def pose(self, heading: Tensor) -> Tensor:
        """Best poses (K, B, 4) of headings (K, B)."""
        turn = torch.stack((heading.cos(), heading.sin(), torch.ones_like(heading)), dim=-1)
        return torch.cat((linear.apply(self.place, turn), heading.unsqueeze(-1)), dim=-1)


def heading_curve(cost: "AlgebraicCost") -> Curve:
    """Curve over headings of the quadratic forms of B objects."""
    of_rotation, coupling, _ = cost.blocks()
    rotations = _rotation_parts(cost)
    place = cost.place(rotations).movedim(0, -1)  # (B, 3, 3)
    entries = rotations.flatten(-2).movedim(0, 1)  # (B, 3, 9)
    form = linear.contract(linear.contract(entries, of_rotation), entries)
    form = form + linear.product(linear.contract(entries, coupling), place)
    half = torch.stack((form[:, 0, 0] - form[:, 1, 1], 2.0 * form[:, 0, 1])) / 4.0
    return Curve(half, torch.stack((form[:, 0, 2], form[:, 1, 2])), place)


def _rotation_parts(cost: "AlgebraicCost") -> Tensor:
    """Parts (3, B, 3, 3) of the rotation matrix that come with the cosine, the sine, and always."""
    turns = cost.form.new_zeros((3, 1, 4))
    turns[1, 0, 3], turns[2, 0, 3] = 0.5 * math.pi, math.pi
    ahead, aside, back = cost.manifold.rotation_matrix(turns).expand(3, cost.form.shape[0], 3, 3)
    always = 0.5 * (ahead + back)
    return torch.stack((ahead - always, aside - always, always))


def heading_minima(cost: "AlgebraicCost", num_minima: int, num_iter: int) -> Tensor:
    """Poses (num_minima, B, 4) of the lowest minima in front of the camera.

    Where there are fewer, the lowest is repeated.
    """
    curve = heading_curve(cost)
    numbers = torch.arange(GLANCE, device=cost.form.device)
    angles = wrap_angle(numbers.to(cost.form.dtype) * SPACING)
    cos, sin = angles.cos().unsqueeze(-1), angles.sin().unsqueeze(-1)
    value = curve.value(cos, sin)
    lowest = (value < value.roll(1, 0)) & (value <= value.roll(-1, 0))
    left = torch.where(lowest & (curve.depth(cos, sin) > 0), value, torch.inf)
    same = numbers.unsqueeze(-1)
    heading = angles[lowest_distinct(left, num_minima, lambda index: same == index)]
    for _ in range(num_iter):
        heading = heading + curve.step(heading)
    return curve.pose(heading)
