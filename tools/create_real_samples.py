"""Turn a few real nuScenes keyframes into a data root with official tables.

The keyframes come with their ground truth in one JSON file.

Example:
    python tools/create_real_samples.py path/to/ground_truth.json data/nuscenes_real

The i-th keyframe becomes a scene of mini_train and a scene of mini_val: a score on such a set
shows that a model can memorise real images, not that it generalises.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from epropnp_data.nuscenes.real_samples import write_real_samples


def main() -> None:
    """Write the data root, and say what happened."""
    parser = argparse.ArgumentParser(description="Write real keyframes as a nuScenes data root")
    parser.add_argument("ground_truth", type=Path, help="JSON file; images lie beside it")
    parser.add_argument("out", type=Path, help="data root to create")
    args = parser.parse_args()
    try:
        made = write_real_samples(args.ground_truth, args.out)
    except (OSError, ValueError) as error:
        sys.exit(f"create_real_samples: {error}")
    print(f"{'made' if made else 'reused'} {args.out}")


if __name__ == "__main__":
    main()
