"""Begin a demo anew."""

import argparse
import shutil

from epropnp_data.staging import remove_generated


def forget(args: argparse.Namespace) -> None:
    """Delete what earlier runs made: ``args.work_dir``, and ``args.data_root`` if generated."""
    shutil.rmtree(args.work_dir, ignore_errors=True)
    remove_generated(args.data_root)
