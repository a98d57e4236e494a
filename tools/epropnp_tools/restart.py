"""Begin a demo anew."""

import argparse
import shutil
import sys
from pathlib import Path

from epropnp_data.staging import remove_generated
from epropnp_tools.console import locked

RECORDS = "steps"  # of a demo's work directory; see `epropnp_tools.steps`


def forget(args: argparse.Namespace) -> None:
    """Delete what earlier runs made: what is in ``args.work_dir``, ``args.data_root`` if generated.

    Waits for a run in the same folder. Ends the program with a message, and deletes nothing, when
    the work directory holds something and is no demo's.
    """
    work_dir: Path = args.work_dir
    if work_dir.exists() and any(work_dir.iterdir()):
        if not (work_dir / RECORDS).is_dir():
            sys.exit(
                f"--restart: {work_dir} was not made by a demo (it has no {RECORDS}/); nothing was "
                "deleted. Choose another --work-dir, or remove it yourself"
            )
        with locked(work_dir / RECORDS / "lock"):
            _delete(work_dir)
            remove_generated(args.data_root)
    else:
        remove_generated(args.data_root)


def _delete(work_dir: Path) -> None:
    """All but the lock that is held."""
    for path in [*work_dir.iterdir(), *(work_dir / RECORDS).iterdir()]:
        if path.name == RECORDS or path.name == "lock":
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
