#!/usr/bin/env python
r"""Detect objects in your own images and see why.

    python demo/infer_images.py FOLDER|IMAGE|VIDEO|CAMERA_NUMBER --config CONFIG \
        --checkpoint CHECKPOINT --intrinsics K.json

The camera comes from --intrinsics fx fy cx cy, or a JSON file with intrinsics (and distortion,
gravity), or a text file with the 3x3 matrix; or is guessed from --fov DEGREES. A camera that is not
level: --gravity PITCH ROLL, degrees it looks down and is turned clockwise, or --horizon ROW.

OUT_DIR (work_dirs/infer_images) gets the results as JSON and arrays (docs/results_folder.md),
pictures and, for videos, video.mp4. An interrupted run goes on. tools/explore.py OUT_DIR makes a
page of it.
6DoF poses of known objects: demo/infer_poses.py.
"""

import argparse
import sys
from functools import partial

import numpy as np

from epropnp_data.images import Camera, CameraError, Frame, SourceError, ground_rotation
from epropnp_data.images.cameras import pitch_from_horizon
from epropnp_det.inference import Detector3D
from epropnp_mm.engine import CheckpointError
from epropnp_results import ResultsError, ResultsFolder
from epropnp_results.pictures import USUAL, VIEWS
from own_images import Found, add_arguments, camera_of, open_given, parse, run_over


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser, "work_dirs/infer_images", VIEWS)
    parser.set_defaults(views=USUAL)
    tilt = parser.add_mutually_exclusive_group()
    tilt.add_argument("--gravity", type=float, nargs=2, metavar=("PITCH", "ROLL"))
    tilt.add_argument("--horizon", type=float, metavar="ROW", help="row of the horizon, pixels")
    parser.add_argument("--score-thr", type=float, default=0.2, help="leave out weaker detections")
    return parse(parser)


def tilted_camera(args: argparse.Namespace, image: np.ndarray) -> Camera:
    """Camera of an image with its tilt, from the arguments.

    Raises:
        CameraError: it makes no sense.
    """
    camera = camera_of(args, image)
    if args.horizon is not None:
        pitch = pitch_from_horizon(args.horizon, camera.intrinsics)
        return camera._replace(camera_to_ground=ground_rotation(pitch))
    if args.gravity is not None:
        return camera._replace(camera_to_ground=ground_rotation(*args.gravity))
    return camera


def settings(args: argparse.Namespace, infer: Detector3D) -> dict:
    """What decides the results; a folder is gone on with under the same only."""
    names = ("config", "checkpoint", "intrinsics", "fov", "gravity", "horizon")
    given = {name: getattr(args, name) for name in names}
    return dict(task="detection", classes=infer.classes, min_score=args.score_thr, **given)


def detect(infer: Detector3D, frames: list[Frame], cameras: list[Camera]) -> list[Found]:
    """Records, arrays and straight images."""
    names = [frame.name for frame in frames]
    return [tuple(item) for item in infer.batch([f.image for f in frames], cameras, names)]


def run(args: argparse.Namespace) -> None:
    """Infer, write, draw.

    Raises:
        CameraError, SourceError, CheckpointError, ResultsError: bad input.
    """
    source = open_given(args)
    infer = Detector3D(args.config, args.checkpoint, args.device, args.score_thr)
    results = ResultsFolder.create(args.out_dir, settings(args, infer))
    run_over(source, results, args, partial(detect, infer), partial(tilted_camera, args))


def main() -> None:
    """Run, or say in one line why that is not possible."""
    args = parse_args()
    try:
        run(args)
    except (CameraError, SourceError, CheckpointError, ResultsError) as error:
        sys.exit(f"infer_images: {error}")


if __name__ == "__main__":
    main()
