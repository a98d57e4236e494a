"""Settings that a head states once and hands down to its stages."""

import inspect
from collections.abc import Mapping
from typing import Any

from mmdet3d.registry import MODELS, TASK_UTILS


def hand_down(config: dict, shared: Mapping[str, Any]) -> dict:
    """Config of a stage, completed by shared settings, and so the configs of its parts.

    A stage gets the settings that its constructor has an argument for and its config does not
    give. What a config gives stays, so a stage can differ from the rest.

    Args:
        config: ``dict(type=..., ...)`` of a stage.
        shared: settings by the names of the stages' arguments.
    """
    completed = {
        name: hand_down(value, shared) if isinstance(value, dict) and "type" in value else value
        for name, value in config.items()
    }
    arguments = _arguments(config["type"])
    return completed | {k: v for k, v in shared.items() if k in arguments and k not in config}


def _arguments(kind: str | type) -> Mapping[str, inspect.Parameter]:
    """Arguments of a registered class; none of an unknown one, which its builder refuses."""
    found = kind if not isinstance(kind, str) else MODELS.get(kind) or TASK_UTILS.get(kind)
    return {} if found is None else inspect.signature(found).parameters
