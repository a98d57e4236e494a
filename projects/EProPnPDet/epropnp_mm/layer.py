"""Classes of the layer under the names that configs use, in mmdet3d's registry.

Arguments of theirs may be configs of other registered objects, one's own included.
"""

from collections.abc import Callable
from typing import Any

from mmdet3d.registry import MODELS

import epropnp
from epropnp.fitting import PublishedFit, ScaledFit
from epropnp.proposals import QuaternionProposals, YawProposals


def from_config(layer_class: type) -> Callable[..., Any]:
    """Constructor of a class whose arguments may be configs of other registered objects."""

    def build(**settings: Any) -> Any:
        return layer_class(
            **{
                name: MODELS.build(value) if isinstance(value, dict) else value
                for name, value in settings.items()
            }
        )

    return build


for _layer_class in (
    epropnp.AdaptiveCauchyPnPCost,
    epropnp.AdaptiveGemanMcClurePnPCost,
    epropnp.AdaptiveHuberPnPCost,
    epropnp.AdaptiveTukeyPnPCost,
    epropnp.AMIS,
    epropnp.CauchyPnPCost,
    epropnp.EProPnP4DoF,
    epropnp.EProPnP6DoF,
    epropnp.GemanMcClurePnPCost,
    epropnp.HuberPnPCost,
    epropnp.L2PnPCost,
    epropnp.LMSolver,
    epropnp.MonteCarloPoseLoss,
    epropnp.PerspectiveCamera,
    epropnp.RSLMSolver,
    epropnp.TrustRegion,
    epropnp.TukeyPnPCost,
    PublishedFit,
    QuaternionProposals,
    ScaledFit,
    YawProposals,
):
    MODELS.register_module(name=_layer_class.__name__, module=from_config(_layer_class))
