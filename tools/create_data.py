"""Write the files that data sets are read from.

    python tools/create_data.py nuscenes --root-path data/nuscenes --version v1.0-mini
    python tools/create_data.py kitti --root-path data/kitti

nuscenes: mmdet3d's own converter makes ``<tag>_infos_{train,val,test}.pkl`` (v2 format, usable by
any model of mmdet3d); ``<tag>_infos_*_mono.pkl`` beside them adds visibility, truncation and exact
2D boxes; ``<tag>_infos_*_images.npz`` holds both as arrays, from which data sets start quickly. A
second run sees that everything is there and stops. The files are the same for any ``--workers``.

kitti: ``kitti_<split>.json`` (docs/custom_data.md) of every list in ``ImageSets``.
"""

import argparse
import sys

from epropnp_data.errors import DatasetError
from epropnp_data.kitti.prepare import prepare_kitti
from epropnp_det.datasets.preparation import prepare_nuscenes


def parse_args() -> argparse.Namespace:
    """Command line, a subset of mmdet3d's."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", choices=["nuscenes", "kitti"], help="name of the data set")
    parser.add_argument("--root-path", help="folder of the data set (data/nuscenes or data/kitti)")
    parser.add_argument("--version", help="v1.0-mini, v1.0-trainval (default) or v1.0-test")
    parser.add_argument("--out-dir", help="where the info files go (default: the root path)")
    parser.add_argument("--extra-tag", help="prefix of the files (default: name of the data set)")
    parser.add_argument("--max-sweeps", type=int, help="lidar sweeps per keyframe (10)")
    parser.add_argument("--workers", type=int, help="processes, for nuscenes (1)")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace info files made from other tables"
    )
    args = parser.parse_args()
    if args.dataset == "kitti":
        for name in ("version", "out_dir", "max_sweeps", "workers"):
            if getattr(args, name) is not None:
                parser.error(f"--{name.replace('_', '-')} is for nuscenes")
    if args.workers is not None and args.workers < 1:
        parser.error(f"--workers {args.workers}: at least 1")
    return args


def prepare(args: argparse.Namespace) -> None:
    """Prepare one data set.

    Raises:
        DatasetError: something is missing or wrong.
    """
    root, tag = args.root_path or f"data/{args.dataset}", args.extra_tag or args.dataset
    if args.dataset == "kitti":
        prepare_kitti(root, tag, args.overwrite)
        return
    prepare_nuscenes(
        root,
        args.version or "v1.0-trainval",
        out_dir=args.out_dir,
        tag=tag,
        overwrite=args.overwrite,
        max_sweeps=args.max_sweeps or 10,
        workers=args.workers or 1,
    )


def main() -> None:
    """Prepare the data set, or say in one line why that is not possible."""
    args = parse_args()
    try:
        prepare(args)
    except (DatasetError, FileExistsError) as error:
        sys.exit(f"create_data: {error}")


if __name__ == "__main__":
    main()
