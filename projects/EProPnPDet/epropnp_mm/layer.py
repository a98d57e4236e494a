"""The classes of :mod:`epropnp` in mmdet3d's registry, so that configs can name them."""

from mmdet3d.registry import MODELS

import epropnp

for _layer_class in (
    epropnp.AdaptiveHuberPnPCost,
    epropnp.EProPnP4DoF,
    epropnp.HuberPnPCost,
    epropnp.LMSolver,
    epropnp.MonteCarloPoseLoss,
    epropnp.PerspectiveCamera,
    epropnp.RSLMSolver,
):
    MODELS.register_module(module=_layer_class)
