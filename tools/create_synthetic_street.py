"""Generate photographs of streets in the layout of KITTI, or as a plain file with two cameras.

    python tools/create_synthetic_street.py data/custom_synth --layout custom
    python tools/create_synthetic_street.py data/kitti_synth --layout kitti

The plain file is that of docs/custom_data.md; KITTI's folders become one by
tools/create_data.py kitti. A second call with the same arguments does nothing.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from epropnp_synth.street import LAYOUTS, StreetSettings, generate_street


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = StreetSettings("custom")
    parser.add_argument("out", type=Path, help="data root to create")
    parser.add_argument("--layout", choices=LAYOUTS, required=True)
    parser.add_argument("--train", type=int, default=default.train, help="moments (200)")
    parser.add_argument("--val", type=int, default=default.val, help="moments (50)")
    parser.add_argument("--image-scale", type=float, default=default.image_scale, help="0.3")
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    return parser.parse_args()


def main() -> None:
    """Generate, and say what happened."""
    args = parse_args()
    settings = StreetSettings(args.layout, args.train, args.val, args.image_scale, args.seed)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each worker process gets one core
    start = time.perf_counter()
    try:
        made = generate_street(args.out, settings, args.workers)
    except (FileExistsError, ValueError, ModuleNotFoundError) as error:
        sys.exit(f"create_synthetic_street: {error}")
    if made:
        print(f"made {args.out} ({settings}) in {time.perf_counter() - start:.0f} s")
    else:
        print(f"reused {args.out}: it was made with the same settings ({settings})")


if __name__ == "__main__":
    main()
