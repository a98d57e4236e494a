"""Generate a synthetic data set in BOP format: textured objects, exact poses, masks, depth.

Example (the demo's set, about two minutes on two cores):

    python tools/create_synthetic_bop.py data/synthetic_bop

A second call with the same arguments finds it finished and does nothing.
"""

import argparse
import sys
import time
from pathlib import Path

from epropnp_synth.bop import OBJECT_BUILDERS, SyntheticBOPSettings, generate_bop


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    default = SyntheticBOPSettings()
    parser.add_argument("out", type=Path, help="folder of the data set to create")
    parser.add_argument(
        "--objects",
        nargs="+",
        choices=sorted(OBJECT_BUILDERS),
        default=list(default.objects),
        help="can turns about its axis and brick by half a turn without changing",
    )
    parser.add_argument("--train-images", type=int, default=default.num_train)
    parser.add_argument("--test-images", type=int, default=default.num_test)
    parser.add_argument("--seed", type=int, default=default.seed)
    return parser.parse_args()


def main() -> None:
    """Generate, and say what happened."""
    args = parse_args()
    settings = SyntheticBOPSettings(
        objects=tuple(args.objects),
        num_train=args.train_images,
        num_test=args.test_images,
        seed=args.seed,
    )
    start = time.perf_counter()
    try:
        made = generate_bop(args.out, settings, progress=sys.stderr.isatty())
    except FileExistsError as error:
        sys.exit(f"create_synthetic_bop: {error}")
    if made:
        print(f"made {args.out} in {time.perf_counter() - start:.0f} s")
    else:
        print(f"reused {args.out}: it was made with the same settings")


if __name__ == "__main__":
    main()
