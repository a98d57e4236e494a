#!/usr/bin/env python
"""Write one web page to explore results in: ``python tools/explore.py RESULTS_DIR``.

RESULTS_DIR comes from demo/infer_images.py or tools/test.py --results-dir (docs/results_folder.md).
The page holds everything it shows, opens from disk and asks no network for anything.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

from tqdm import tqdm

from epropnp_results import ResultsError, ResultsFolder
from epropnp_results.explore import PageSettings, make_server, write_page


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results_dir", type=Path)
    parser.add_argument("--out", type=Path, help="page to write (RESULTS_DIR/explore.html)")
    parser.add_argument("--title", help="headline (name of the folder)")
    parser.add_argument("--max-size", type=float, default=60, help="megabytes of the page (60)")
    parser.add_argument("--max-samples", type=int, help="show at most so many, evenly spread")
    parser.add_argument("--min-score", type=float, default=0.05, help="leave out weaker objects")
    parser.add_argument(
        "--image-root",
        type=Path,
        action="append",
        default=[],
        help="folder that images may lie in, besides RESULTS_DIR and the current one",
    )
    parser.add_argument("--serve", action="store_true", help="serve the page on localhost")
    parser.add_argument("--port", type=int, default=8000, help="of --serve; 0 takes a free one")
    args = parser.parse_args()
    if args.max_size <= 0:
        parser.error("--max-size must be above 0")
    if args.max_samples is not None and args.max_samples < 1:
        parser.error("--max-samples must be at least 1")
    return args


def write(args: argparse.Namespace) -> Path:
    """Write the page.

    Raises:
        ResultsError: the folder or an image is missing or wrong.
    """
    path = args.out or args.results_dir / "explore.html"
    settings = PageSettings(
        title=args.title or args.results_dir.resolve().name,
        max_bytes=int(args.max_size * 1e6),
        max_samples=args.max_samples,
        min_score=args.min_score,
    )
    results = ResultsFolder(args.results_dir, args.image_root)
    count = write_page(results, path, settings, partial(tqdm, unit="sample"))
    size = path.stat().st_size
    print(f"{path}: {count} samples, {size / 1e6:.1f} MB")
    if size > settings.max_bytes:
        print("explore: the page is larger than --max-size; use --max-samples or --min-score")
    return path


def serve(path: Path, port: int) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        ResultsError: the port is taken.
    """
    try:
        server = make_server(path, port)
    except OSError as error:
        raise ResultsError(f"--port {port}: {error.strerror}. Choose another one") from None
    print(f"http://localhost:{server.server_port}/  (Ctrl-C ends it)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


def main() -> None:
    """Write and serve, or say in one line why that is not possible."""
    args = parse_args()
    try:
        path = write(args)
        if args.serve:
            serve(path, args.port)
    except ResultsError as error:
        sys.exit(f"explore: {error}")


if __name__ == "__main__":
    main()
