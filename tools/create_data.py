"""Write the info files of nuScenes, and what the detector needs beside them.

    python tools/create_data.py nuscenes --root-path data/nuscenes --version v1.0-mini

mmdet3d's own converter makes ``<tag>_infos_{train,val,test}.pkl`` (v2 format, usable by any model
of mmdet3d); ``<tag>_infos_*_mono.pkl`` beside them adds visibility, truncation and exact 2D boxes.
A second run sees that everything is there and stops. One core takes about 0.2 s per keyframe.
"""

import argparse
import sys

from epropnp_data.errors import DatasetError
from epropnp_det.datasets.preparation import prepare_nuscenes


def parse_args() -> argparse.Namespace:
    """Command line, a subset of mmdet3d's."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", choices=["nuscenes"], help="name of the data set")
    parser.add_argument("--root-path", default="data/nuscenes", help="folder with samples/, maps/")
    parser.add_argument(
        "--version", default="v1.0-trainval", help="v1.0-mini, v1.0-trainval or v1.0-test"
    )
    parser.add_argument("--out-dir", help="where the info files go (default: the root path)")
    parser.add_argument("--extra-tag", default="nuscenes", help="prefix of the info files")
    parser.add_argument("--max-sweeps", type=int, default=10, help="lidar sweeps per keyframe")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace info files made from other tables"
    )
    return parser.parse_args()


def main() -> None:
    """Prepare the data set, or say in one line why that is not possible."""
    args = parse_args()
    try:
        prepare_nuscenes(
            args.root_path,
            args.version,
            out_dir=args.out_dir,
            tag=args.extra_tag,
            overwrite=args.overwrite,
            max_sweeps=args.max_sweeps,
        )
    except DatasetError as error:
        sys.exit(f"create_data: {error}")


if __name__ == "__main__":
    main()
