#!/usr/bin/env python
r"""Render training scenes of a BOP model set, or of one's own mesh, in BOP format.

    python tools/create_rendered_bop.py data/lmo/models data/lmo_rendered
    python tools/create_rendered_bop.py thing.obj data/thing --unit m \
        --intrinsics 600 600 320 240 --image-size 640 480

OUT gets models, ``train_rendered`` and ``val_rendered`` with images, depth, masks, poses,
visibility, and the coordinate maps that training reads. About half a second per image and process.
A stopped run goes on; a finished one is reused; the number of workers changes nothing.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from epropnp_6dof.datasets.coordinate_cache import fill_coordinates
from epropnp_data.bop.mesh_file import UNITS, MeshError, MeshOptions
from epropnp_synth.rendered import (
    BackgroundError,
    CameraSettings,
    Inputs,
    RenderSettings,
    ViewSettings,
    generate_scenes,
    read_model_set,
)
from epropnp_synth.rendered.backgrounds import packaged_photographs, photographs_in
from epropnp_synth.rendered.generate import SPLITS


class UsageError(ValueError):
    """Arguments that do not go together."""


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    images, views = RenderSettings(None), ViewSettings()
    parser.add_argument("models", type=Path, help="BOP models folder, folder of meshes, or a mesh")
    parser.add_argument("out", type=Path, help="folder of the data set to create")
    parser.add_argument("--train-images", type=int, default=images.num_train)
    parser.add_argument("--val-images", type=int, default=images.num_val)
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--seed", type=int, default=images.seed)
    camera = parser.add_argument_group("camera (default: camera.json beside the models folder)")
    camera.add_argument("--intrinsics", type=float, nargs=4, metavar=("FX", "FY", "CX", "CY"))
    camera.add_argument("--image-size", type=int, nargs=2, metavar=("W", "H"))
    mesh = parser.add_argument_group("meshes")
    mesh.add_argument("--unit", choices=sorted(UNITS), default="mm", help="of one's own meshes")
    mesh.add_argument("--size", type=float, metavar="MM", help="largest side they are scaled to")
    mesh.add_argument("--up", choices="xyz", default="z", help="their axis that points up")
    mesh.add_argument("--plain-colors", action="store_true", help="accept meshes without colours")
    mesh.add_argument("--allow-holes", action="store_true", help="accept surfaces with holes")
    scene = parser.add_argument_group("scenes")
    scene.add_argument("--objects", type=int, nargs=2, default=images.objects_per_image)
    scene.add_argument("--clutter", type=int, nargs=2, default=images.clutter_per_image)
    scene.add_argument("--clutter-models", type=Path, help="further meshes among the clutter")
    scene.add_argument("--backgrounds", type=Path, help="folder of photographs")
    scene.add_argument("--distance", type=float, nargs=2, default=views.distance, help="metres")
    scene.add_argument("--elevation", type=float, nargs=2, default=views.elevation_deg)
    scene.add_argument("--roll", type=float, default=views.roll_deg, help="degrees either way")
    scene.add_argument("--table", type=float, default=views.table, help="share of table scenes")
    return parser.parse_args()


def read_camera(args: argparse.Namespace) -> CameraSettings:
    """Camera from the arguments, or from the data set that the models belong to.

    Raises:
        UsageError: if there is neither.
    """
    path = args.models.parent / "camera.json"
    if args.intrinsics and args.image_size:
        return CameraSettings(*args.image_size, *args.intrinsics)
    if args.intrinsics or args.image_size:
        raise UsageError("--intrinsics and --image-size go together")
    if not path.is_file():
        raise UsageError(f"no {path}: say the camera by --intrinsics FX FY CX CY --image-size W H")
    given = json.loads(path.read_text())
    return CameraSettings(
        **{key: given[key] for key in ("width", "height", "fx", "fy", "cx", "cy")}
    )


def read_inputs(args: argparse.Namespace) -> Inputs:
    """Everything that is read before the first image."""
    camera = read_camera(args)
    options = MeshOptions(args.unit, args.size, args.up, args.plain_colors, args.allow_holes)
    models = read_model_set(args.models, options)
    clutter = None
    if args.clutter_models is not None:
        accepting = MeshOptions(args.unit, plain_colors=True, allow_holes=True)
        clutter = read_model_set(args.clutter_models, accepting)
    given = args.backgrounds is not None
    photographs = photographs_in(args.backgrounds) if given else packaged_photographs()
    if not photographs:
        print("no photographs: scikit-image and scikit-learn are missing; backgrounds are drawn")
    settings = RenderSettings(
        camera=camera,
        num_train=args.train_images,
        num_val=args.val_images,
        objects_per_image=tuple(args.objects),
        clutter_per_image=tuple(args.clutter),
        view=ViewSettings(tuple(args.distance), tuple(args.elevation), args.roll, args.table),
        seed=args.seed,
    )
    return Inputs(models, clutter, photographs, settings)


def main() -> None:
    """Render, and say what happened."""
    args = parse_args()
    progress = sys.stderr.isatty()
    start = time.perf_counter()
    try:
        inputs = read_inputs(args)
        made = generate_scenes(args.out, inputs, args.workers, progress)
        for split in SPLITS:
            fill_coordinates(args.out, split, args.workers, progress)
    except (UsageError, MeshError, BackgroundError, OSError) as error:
        sys.exit(f"create_rendered_bop: {error}")
    except KeyboardInterrupt:
        sys.exit("\ncreate_rendered_bop: stopped; the same command goes on from here")
    count = args.train_images + args.val_images
    seconds = time.perf_counter() - start
    print(f"{'made' if made else 'reused'} {args.out}: {count} images ({seconds:.0f} s)")


if __name__ == "__main__":
    main()
