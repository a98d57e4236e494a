"""Whether the weights that a config starts from can be had, before data are read."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from epropnp_tools.cli import UsageError


def pretrained_files(model: object, place: str = "model") -> Iterator[tuple[str, str]]:
    """(option, checkpoint) of every part of a model config that starts from pretrained weights."""
    if isinstance(model, list | tuple):
        for index, part in enumerate(model):
            yield from pretrained_files(part, f"{place}.{index}")
    if not isinstance(model, dict):
        return
    if model.get("type") == "Pretrained" and model.get("checkpoint"):
        yield f"{place}.checkpoint", model["checkpoint"]
    for key, part in model.items():
        yield from pretrained_files(part, f"{place}.{key}")


def check_pretrained(model: object) -> None:
    """Refuse weights that cannot be loaded.

    Raises:
        UsageError: torchvision's are wanted and it is not installed, or a local file is missing.
    """
    for option, checkpoint in pretrained_files(model):
        advice = f"or give a local file: --cfg-options {option}=FILE, or start without: {option}="
        if checkpoint.startswith("torchvision://"):
            if find_spec("torchvision") is None:
                raise UsageError(
                    f"{checkpoint} needs torchvision, which is not installed. Install the release "
                    f"that belongs to your torch, {advice}"
                )
        elif "://" not in checkpoint and not Path(checkpoint).is_file():
            raise UsageError(f"there is no file {checkpoint} of pretrained weights; {advice}")
