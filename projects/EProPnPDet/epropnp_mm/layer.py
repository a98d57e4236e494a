"""Classes of the layer under the names that configs use, in mmdet3d's registry.

A user's own solver, start, sampler, proposal family, fit rule, camera, cost or backend is
registered there too (``@MODELS.register_module()``) and then named by a config in the place of
ours; its arguments may be configs again. What it has to offer are the protocols of :mod:`epropnp`.
"""

import copy
from collections.abc import Callable
from typing import Any

from mmdet3d.registry import MODELS

import epropnp
from epropnp.fitting import PublishedFit, ScaledFit
from epropnp.proposals import QuaternionProposals, YawProposals
from epropnp.wide import WideQuaternionProposals


def build_part(config: dict) -> Any:
    """Build a registered part of the layer, and before it the configs among its arguments.

    Args:
        config: ``dict(type=..., ...)``; a dictionary among its values is a config if it has a type.

    Raises:
        KeyError: an unknown type.
        TypeError: an argument that the class does not have.
    """
    return MODELS.build(_with_built_arguments(config))


def merge_settings(settings: dict, overrides: dict) -> dict:
    """Copy of nested settings with the entries of ``overrides`` replaced.

    A part of another type takes the place of the whole part, as ``_delete_`` does in a config.
    """
    if overrides.get("type", settings.get("type")) != settings.get("type"):
        return copy.deepcopy(overrides)
    merged = copy.deepcopy(settings)
    for key, value in overrides.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge_settings(merged[key], value) if nested else copy.deepcopy(value)
    return merged


def from_config(layer_class: type) -> Callable[..., Any]:
    """Constructor of a class whose arguments may be configs of other registered objects."""

    def build(**settings: Any) -> Any:
        return layer_class(**_with_built_arguments(settings))

    return build


def _with_built_arguments(settings: dict) -> dict:
    return {
        name: build_part(value) if isinstance(value, dict) and "type" in value else value
        for name, value in settings.items()
    }


for _layer_class in (
    epropnp.AdaptiveCauchyPnPCost,
    epropnp.AdaptiveGemanMcClurePnPCost,
    epropnp.AdaptiveHuberPnPCost,
    epropnp.AdaptiveTukeyPnPCost,
    epropnp.AMIS,
    epropnp.BestPeak,
    epropnp.CUDAGraphs,
    epropnp.CauchyPnPCost,
    epropnp.DistinctPeaks,
    epropnp.EProPnP4DoF,
    epropnp.EProPnP6DoF,
    epropnp.GemanMcClurePnPCost,
    epropnp.HuberPnPCost,
    epropnp.L2PnPCost,
    epropnp.LinearStart,
    epropnp.LMSolver,
    epropnp.MonteCarloPoseLoss,
    epropnp.PerspectiveCamera,
    epropnp.RSLMSolver,
    epropnp.TrustRegion,
    epropnp.TukeyPnPCost,
    PublishedFit,
    QuaternionProposals,
    ScaledFit,
    WideQuaternionProposals,
    YawProposals,
):
    MODELS.register_module(name=_layer_class.__name__, module=from_config(_layer_class))
