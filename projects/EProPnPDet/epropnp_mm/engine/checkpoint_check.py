"""Does a checkpoint belong to a model? Asked before any long work starts."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

NAMES_SHOWN = 3
PUBLISHED = ("rot_head_net.", "trans_head_net.", "bbox_head.k_proj.")  # names of no model here


class CheckpointError(RuntimeError):
    """A checkpoint cannot be used; the message names the file and what to do."""


class KeyMatch(NamedTuple):
    """Entries of a model's state compared with those of a checkpoint."""

    fitting: list[str]
    missing: list[str]  # in the model only
    unexpected: list[str]  # in the checkpoint only
    misshapen: list[str]  # in both, with another shape

    def __str__(self) -> str:
        total = len(self.fitting) + len(self.missing) + len(self.misshapen)
        parts = [f"{len(self.fitting)} of the model's {total} entries fit"]
        for kind in ("missing", "misshapen", "unexpected"):
            names = getattr(self, kind)
            if names:
                dots = ", ..." if len(names) > NAMES_SHOWN else ""
                parts.append(f"{len(names)} {kind} ({', '.join(names[:NAMES_SHOWN])}{dots})")
        return ", ".join(parts)


def match_keys(
    model_state: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]
) -> KeyMatch:
    """Compare names and shapes of two states."""
    common = [name for name in model_state if name in state]
    fits = {name: model_state[name].shape == getattr(state[name], "shape", None) for name in common}
    return KeyMatch(
        fitting=[name for name in common if fits[name]],
        missing=[name for name in model_state if name not in state],
        unexpected=[name for name in state if name not in model_state],
        misshapen=[name for name in common if not fits[name]],
    )


def read_state(path: Path) -> Mapping[str, torch.Tensor]:
    """State dictionary of a checkpoint file, read with torch's safe loading.

    Files of torch before 1.6, which are no zip archives, are read too.

    Raises:
        CheckpointError: when the file is missing, is no checkpoint, or holds objects that safe
            loading refuses.
    """
    if not path.is_file():
        raise CheckpointError(
            f"no checkpoint {path}; tools/train.py writes them as epoch_N.pth or iter_N.pth into "
            "its --work-dir, last_checkpoint there names the newest"
        )
    try:
        mapped = zipfile.is_zipfile(path)  # the format of torch before 1.6 cannot be mapped
        content = torch.load(path, map_location="cpu", mmap=mapped, weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(_unsafe(path)) from error
    except Exception as error:  # torch's reader raises whatever damaged bytes lead to
        reason = (str(error).strip() or "the file ends too early").splitlines()[0]
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {reason}") from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not any(map(torch.is_tensor, state.values())):
        raise CheckpointError(f"{path} holds no state_dict, so it is not a model checkpoint")
    return {str(name).removeprefix("module."): value for name, value in state.items()}


def _unsafe(path: Path) -> str:
    return (
        f"{path} cannot be read as a checkpoint: it is none, or holds objects, such as a whole "
        "network, which torch's safe loading does not read. If you trust its source, write the "
        "state alone where its code can be imported: content = torch.load(FILE, "
        "weights_only=False), then torch.save(content.state_dict(), NEW) for a network or "
        "torch.save(content['state_dict'], NEW) for a dictionary, and give NEW"
    )


def check_checkpoint(model: nn.Module, path: str, strict: bool) -> KeyMatch | None:
    """Refuse a checkpoint of another model.

    Args:
        model: the network that will load it, possibly wrapped for several processes or views.
        path: checkpoint file; an address (``https://...``) is left to the loader.
        strict: for testing and resuming every entry has to fit; as a start of training one half
            is enough.

    Returns:
        The comparison, None for an address.

    Raises:
        CheckpointError: when too little fits, with the names at fault; or for a file of the
            published code or of CDPN, whose backbone alone would fit.
    """
    if "://" in str(path):
        return None
    state = read_state(Path(path))
    foreign = next((name for name in state if name.startswith(PUBLISHED)), None)
    if foreign is not None:
        raise CheckpointError(
            f"{path} has the names of the published code or of CDPN ({foreign}), so that little "
            f"more than the backbone would be read. Convert it first: "
            f"python tools/convert_checkpoint.py {path} CONVERTED.pth, and give CONVERTED.pth"
        )
    while hasattr(model, "module"):  # wrapped for several processes or views
        model = model.module
    match = match_keys(model.state_dict(), state)
    wrong = len(match.missing) + len(match.misshapen)
    if wrong > (0 if strict else len(match.fitting)):
        raise CheckpointError(
            f"{path} is a checkpoint of another model: {match}. Give the config it was trained "
            "with (a copy lies beside it in the work directory)"
        )
    return match
