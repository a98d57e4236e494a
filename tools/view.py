#!/usr/bin/env python
"""Results in a viewer you have: ``python tools/view.py RESULTS_DIR --rrd FILE | --live``.

Cameras, boxes (found orange, truth blue), samples of the position densities and correspondences in
3D. --rrd writes a file for Rerun (pip install rerun-sdk), --live serves a page with viser
(pip install viser). Without either package: tools/explore.py RESULTS_DIR.
"""

import argparse
import sys
import threading
from functools import partial
from pathlib import Path

from tqdm import tqdm

from epropnp_results import ResultsError, ResultsFolder
from epropnp_results.viewers import read_moments, serve_live, write_rrd


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results_dir", type=Path)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--rrd", type=Path, metavar="FILE", help="file to write")
    target.add_argument("--live", action="store_true", help="serve on localhost until Ctrl-C")
    parser.add_argument("--port", type=int, default=0, help="of --live; 0 takes viser's own")
    parser.add_argument("--min-score", type=float, default=0.2, help="leave out weaker objects")
    parser.add_argument(
        "--image-root",
        type=Path,
        action="append",
        default=[],
        help="folder that images may lie in, besides RESULTS_DIR and the current one",
    )
    return parser.parse_args()


def run(args: argparse.Namespace) -> None:
    """Write the file, or serve.

    Raises:
        ResultsError: the results or the viewer's package are missing.
    """
    results = ResultsFolder(args.results_dir, args.image_root)
    moments = partial(tqdm, read_moments(results, args.min_score), unit="moment")
    if args.rrd is not None:
        print(f"{args.rrd}: {write_rrd(args.rrd, moments())} moments; open it with: rerun FILE")
        return
    server = serve_live(list(moments()), args.port)
    print(f"http://localhost:{server.get_port()}/  (Ctrl-C ends it)", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.stop()


def main() -> None:
    """Run, or say in one line why that is not possible."""
    args = parse_args()
    try:
        run(args)
    except ResultsError as error:
        sys.exit(f"view: {error}")


if __name__ == "__main__":
    main()
