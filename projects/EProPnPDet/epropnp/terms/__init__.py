"""Costs to add to one another: what else is known of a pose than the points of one image.

Every term is a `PoseCost` by itself, and so is their `SumCost`: solver, sampler, loss and
distribution work on it as on any other.
"""

from epropnp.terms.plane import PlaneCost
from epropnp.terms.prior import PosePrior
from epropnp.terms.sums import SumCost
from epropnp.terms.view import ViewedCost

__all__ = ["PlaneCost", "PosePrior", "SumCost", "ViewedCost"]
