"""How good a position is, as a score."""

from torch import Tensor


def localization_score(distances: Tensor) -> Tensor:
    """Score in [0, 1] of ground-plane distances in metres: 1 below 0.35 m, 0 above 5.7 m."""
    return ((2.5 - distances.log2()) / 4).clamp(0, 1)


def monte_carlo_scores(samples: Tensor, log_weights: Tensor, poses: Tensor) -> Tensor:
    """Expected localisation score of poses under their own uncertainty.

    Args:
        samples: (S, M, 4) pose samples.
        log_weights: (S, M) their unnormalised log weights.
        poses: (M, 4) estimates.

    Returns:
        (M,) scores in [0, 1].
    """
    planar = samples[..., (0, 2)] - poses[..., (0, 2)]
    return (log_weights.softmax(dim=0) * localization_score(planar.norm(dim=-1))).sum(dim=0)
