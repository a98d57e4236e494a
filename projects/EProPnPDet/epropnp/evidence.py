"""Does the density that a network is trained on hold up without the truth?

In training the true pose is one of the starts of the solver, and the density is sampled around the
best of them. At test time nothing is given. Matches that fit two poses equally well look perfect to
the loss if it sees one of the modes only; solved again without the truth, the evidence, the
integral of exp(-cost), comes out larger, or another pose does.
"""

import copy
import math
from typing import NamedTuple

import torch
from torch import Tensor

from epropnp.camera import PerspectiveCamera
from epropnp.layer import EProPnP
from epropnp.monte_carlo import MonteCarloResult
from epropnp.peaks import DistinctPeaks, PeakRule
from epropnp.problem import CostSetting


class EvidenceCheck(NamedTuple):
    """Evidences of B objects; NaN where one of them does not exist.

    Attributes:
        trained: (B,) log evidence as estimated in training.
        fresh: (B,) of a fresh solve without the truth, sampled around every distinct peak found.
    """

    trained: Tensor
    fresh: Tensor

    @property
    def gap(self) -> Tensor:
        """Fresh minus trained (B,), nats.

        About zero: training sees the density that is there. Above it (log 2 for a second, equal
        mode): it misses modes. Below: the starts do not find the mode that training sees.
        """
        return self.fresh - self.trained


@torch.no_grad()
def evidence_check(
    layer: EProPnP,
    trained: MonteCarloResult,
    x3d: Tensor,
    x2d: Tensor,
    w2d: Tensor,
    camera: PerspectiveCamera,
    cost_fun: CostSetting,
    *,
    generator: torch.Generator | None = None,
    peaks: PeakRule | None = None,
) -> EvidenceCheck:
    """Solve again without the truth and compare the evidences; costs as much as a forward pass.

    Args:
        layer: layer that is trained, with a start solver.
        trained: its result with the true pose.
        x3d: (B, n, 3) object frame, metres.
        x2d: (B, n, 2) pixels.
        w2d: (B, n, 2) weights, not negative, per pixel.
        camera: bound camera.
        cost_fun: choice of the robust kernel.
        generator: source of random numbers; torch's default one if None.
        peaks: where the fresh sampling begins, `DistinctPeaks` if None, whatever the layer has.
    """
    reader = copy.copy(layer)
    reader.peaks = peaks or DistinctPeaks()
    fresh = reader.monte_carlo_forward(x3d, x2d, w2d, camera, cost_fun, generator=generator)
    return EvidenceCheck(log_evidence(trained), log_evidence(fresh))


def log_evidence(result: MonteCarloResult) -> Tensor:
    """Log (B,) of the integral of exp(-cost), NaN for objects that are not valid."""
    log_weights = result.pose_sample_logweights.detach()
    evidence = log_weights.logsumexp(0) - math.log(max(len(log_weights), 1))
    return torch.where(result.valid, evidence, math.nan)
