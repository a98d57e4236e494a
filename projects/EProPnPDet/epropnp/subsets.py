"""Subsets of points drawn without replacement, with chances in proportion to weights.

A subset is drawn one point after the other, each with a chance in proportion to its weight among
those that are left. Drawing with replacement and passing over what was drawn before does the same,
and needs few random numbers: twice as many as points, instead of one for every point there is.
Where these give too few different points, because a few weights are large, the missing ones are
drawn by the equivalent race: a point arrives after an exponential time whose rate is its weight
(Efraimidis and Spirakis, Information Processing Letters 97, 2006). The subsets of an object share
the numbers of this race, each shifted by another step round the unit interval.
"""

import torch
from torch import Tensor

DRAWS_PER_POINT = 2
SHIFT = 0.6180339887498949  # steps of the golden ratio spread evenly however many there are


def distinct_draws(chance: Tensor, draws: Tensor, race: Tensor, count: int) -> Tensor:
    """The first different points of draws with replacement, then the first ones of a race.

    Args:
        chance: (B, n) weights of the points, not negative.
        draws: (Q, B, m) uniform numbers, of the draws.
        race: (B, n) uniform numbers.
        count: points per subset, at most n.

    Returns:
        (Q, B, count) indices, in no order; points without a chance come last.
    """
    subsets, objects, tries = draws.shape
    points = chance.shape[-1]
    drawn = _drawn(chance, draws)
    first_try = drawn.new_full((subsets, objects, points + 1), tries)
    number = torch.arange(tries, device=drawn.device).expand_as(drawn)
    first_try = first_try.scatter_reduce(-1, drawn, number, "amin")[..., :points]
    arrival = shifted(race, subsets).log() / chance  # negative: the largest comes first
    rank = torch.where(first_try < tries, -first_try.to(chance), arrival - tries)
    return rank.topk(count, dim=-1, sorted=False).indices


def _drawn(chance: Tensor, draws: Tensor) -> Tensor:
    """Points (Q, B, m) in whose share of the weights the draws fall; n for none."""
    cumulative = chance.cumsum(-1)
    levels = (draws * cumulative[..., -1:]).transpose(0, 1)
    found = torch.searchsorted(cumulative, levels.flatten(1).contiguous(), right=True)
    return found.unflatten(1, levels.shape[1:]).transpose(0, 1)


def shifted(race: Tensor, subsets: int) -> Tensor:
    """Uniform numbers (Q, B, n) of every subset, from (B, n)."""
    step = SHIFT * torch.arange(subsets, dtype=race.dtype, device=race.device)
    return (race + step[:, None, None]).frac()
