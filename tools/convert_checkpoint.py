#!/usr/bin/env python
"""Convert a published checkpoint: ``python tools/convert_checkpoint.py SRC DST [--model NAME]``.

SRC is a checkpoint of the published code (detector v1, v1b or v2; 6DoF v1 or v2) or of CDPN, with
which some 6DoF trainings start; DST the same weights under the names of this project. The optimizer
state is dropped. ``--to-published`` goes the other way, where nothing was left out.
The report names every entry that the model lacks or does not know; nothing is written unless the
whole checkpoint is understood.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor

from epropnp_6dof import checkpoint as sixdof
from epropnp_det import checkpoint as det
from epropnp_mm.engine.checkpoint_check import CheckpointError, KeyMatch, match_keys, read_state
from epropnp_tools.cli import UsageError, plain_errors

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
DET_CONFIGS = CONFIGS / "epropnp_det" / "published"
SIXDOF_CONFIGS = CONFIGS / "epropnp_6dof"
UNUSED = ("bbox_head.criterion.",)  # part of published networks, takes no part in inference

State = Mapping[str, Tensor]


class Family(NamedTuple):
    """A family of published checkpoints and the configs of its members.

    Attributes:
        to_ours: renames a state to our names.
        to_published: the way back; None where entries were left out.
        configs: the members' configs.
        fresh: beginnings of names that the checkpoint need not have, as they start afresh.
        note: what else the user has to know.
    """

    to_ours: Callable[[State], dict[str, Tensor]]
    to_published: Callable[[State], dict[str, Tensor]] | None
    configs: tuple[Path, ...]
    fresh: tuple[str, ...] = ()
    note: str = ""


def det_family(name: str, *variants: str) -> Family:
    """A detector family; ``variants`` are the names of its configs."""
    return Family(
        to_ours=lambda state: det.to_ours(state, name),
        to_published=lambda state: det.to_published(state, name),
        configs=tuple(next(DET_CONFIGS.glob(f"epropnp-det-{v}_*nus-mono3d.py")) for v in variants),
    )


def families() -> dict[str, Family]:
    """All families by the names of ``--model``."""
    return {
        "det-v2": det_family("det-v2", "v2"),
        "det-v1b": det_family("det-v1b", "v1b-220411", "v1b-220312"),
        "det-v1": det_family("det-v1", "v1-coord-regr", "v1-no-reproj"),
        "6dof-v2": Family(
            sixdof.from_published,
            sixdof.to_published,
            (SIXDOF_CONFIGS / "epropnp-6dof-v2_r34_lm_published-weights.py",),
        ),
        "6dof-v1": Family(
            sixdof.from_published,
            None,
            (SIXDOF_CONFIGS / "epropnp-6dof-v1_r34_lm_basic.py",),
            note="version 1 reads the weight logits differently: use configs epropnp-6dof-v1_*, "
            "those of version 2 load the same names and give wrong weights",
        ),
        "6dof-cdpn": Family(
            sixdof.from_cdpn,
            None,
            (SIXDOF_CONFIGS / "epropnp-6dof-v2_r34_lm_coord-cdpn-init.py",),
            fresh=sixdof.FRESH_AFTER_CDPN,
            note="a start of training, not a trained network: give it as load_from to the configs "
            "epropnp-6dof-*cdpn-init*",
        ),
    }


def identify(state: State) -> str:
    """Name of the family of a published state.

    Raises:
        ValueError: it belongs to none.
    """
    if any(key.startswith("rot_head_net.") for key in state):
        return sixdof.identify(state)
    return det.identify(state)


def best_match(state: State, configs: tuple[Path, ...]) -> tuple[Path, KeyMatch]:
    """Config whose model fits a state best, and how well."""
    matches = []
    for path in configs:
        cfg = Config.fromfile(path)
        init_default_scope(cfg.get("default_scope", "mmengine"))
        matches.append((path, match_keys(build_model(cfg).state_dict(), state)))
    return min(matches, key=lambda item: sum(map(len, item[1][1:])))


def build_model(cfg: Config) -> torch.nn.Module:
    """Build a config's model without reading pretrained weights."""
    cfg.model.get("backbone", {}).pop("init_cfg", None)
    return MODELS.build(cfg.model)


def write_checkpoint(state: dict[str, Tensor], meta: dict, path: Path) -> None:
    """Write a checkpoint; the file appears only when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        torch.save({"meta": meta, "state_dict": state}, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def convert(args: argparse.Namespace) -> None:
    """Convert one file and report.

    Raises:
        CheckpointError: SRC is not what it should be.
        UsageError: ``--to-published`` without ``--model``, or of a family that has no way back.
    """
    state = dict(read_state(args.src))
    known = families()
    if args.to_published:
        if args.model is None:
            raise UsageError("--to-published needs --model: our names are those of all families")
        name, ours = args.model, state
        if known[name].to_published is None:
            raise UsageError(f"--to-published: {name} left entries out, there is no way back")
    else:
        name = _identified(state, args)
        ours = known[name].to_ours(state)
    config, match = best_match(ours, known[name].configs)
    _refuse_misfits(args, name, known[name], match)
    result = known[name].to_published(ours) if args.to_published else keep_fitting(ours, match)
    report(state, result, known[name], match, args)
    write_checkpoint(result, {"model": name, "config": config.name}, args.dst)
    print(f"written: {args.dst} ({len(result)} entries), for {config.relative_to(CONFIGS.parent)}")
    if known[name].note:
        print(f"note: {known[name].note}")


def keep_fitting(ours: State, match: KeyMatch) -> dict[str, Tensor]:
    """Entries that the model knows."""
    return {key: ours[key] for key in ours if key in set(match.fitting)}


def report(
    source: State, result: State, family: Family, match: KeyMatch, args: argparse.Namespace
) -> None:
    """Print how every entry was treated."""
    rename = family.to_published if args.to_published else family.to_ours
    new_names = {key: next(iter(rename({key: value})), None) for key, value in source.items()}
    mapped = {old: new for old, new in new_names.items() if new in result}
    dropped = [old for old, new in new_names.items() if new is None]
    renamed = {old: new for old, new in mapped.items() if old != new}
    print(f"{len(mapped)} entries mapped, {len(renamed)} of them renamed")
    if args.verbose:
        print("\n".join(f"  {old} -> {new}" for old, new in mapped.items()))
    left_over = [*match.unexpected, *dropped]
    for title, names in (("missing", match.missing), ("left over", left_over)):
        print(f"{len(names)} entries {title}" + "".join(f"\n  {name}" for name in names))


def _identified(state: State, args: argparse.Namespace) -> str:
    try:
        name = identify(state)
    except ValueError as error:
        raise CheckpointError(f"{args.src}: {error}. Nothing was written") from error
    if args.model not in (None, name):
        raise CheckpointError(
            f"{args.src} is a {name} checkpoint, not {args.model}. Nothing was written"
        )
    return name


def _refuse_misfits(args: argparse.Namespace, name: str, family: Family, match: KeyMatch) -> None:
    """Refuse a checkpoint that does not fill the model."""
    missing = [key for key in match.missing if not key.startswith(family.fresh)]
    lost = [key for key in match.unexpected if not key.startswith(UNUSED)]
    if missing or match.misshapen or lost:
        raise CheckpointError(
            f"{args.src} is not a complete {name} checkpoint: {match}. Nothing was written"
        )


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description="Convert published checkpoints")
    parser.add_argument("src", type=Path, help="checkpoint to read")
    parser.add_argument("dst", type=Path, help="checkpoint to write")
    parser.add_argument(
        "--model",
        choices=["det-v2", "det-v1b", "det-v1", "6dof-v2", "6dof-v1", "6dof-cdpn"],
        help="what SRC is; found out from its entries by default",
    )
    parser.add_argument(
        "--to-published", action="store_true", help="from the names of this project to published"
    )
    parser.add_argument("--verbose", action="store_true", help="list every entry")
    return parser.parse_args()


def main() -> None:
    """Run the tool."""
    with plain_errors():
        convert(parse_args())


if __name__ == "__main__":
    sys.exit(main())
