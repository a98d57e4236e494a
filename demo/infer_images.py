#!/usr/bin/env python
r"""Detect objects in your own images and see why.

    python demo/infer_images.py FOLDER|IMAGE|VIDEO|CAMERA_NUMBER --config CONFIG \
        --checkpoint CHECKPOINT --intrinsics K.json

The camera comes from --intrinsics fx fy cx cy, or a JSON file with intrinsics (and distortion,
gravity), or a text file with the 3x3 matrix; or is guessed from --fov DEGREES. A camera that is not
level: --gravity PITCH ROLL, degrees it looks down and is turned clockwise, or --horizon ROW.

OUT_DIR (work_dirs/infer_images) gets the results as JSON and arrays (docs/results.md), pictures
and, for videos, video.mp4. An interrupted run goes on. tools/explore.py OUT_DIR makes a page of it.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from epropnp_data.images import (
    Camera,
    CameraError,
    Frame,
    SourceError,
    camera_from_fov,
    ground_rotation,
    open_source,
    read_camera,
)
from epropnp_data.images.cameras import HOW_TO, pitch_from_horizon
from epropnp_det.inference import Detector3D, Found
from epropnp_mm.engine import CheckpointError
from epropnp_results import ResultsError, ResultsFolder, explore_command
from epropnp_results.pictures import USUAL, VIEWS, draw_result


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="folder, image, video or number of a camera")
    parser.add_argument("--config", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--intrinsics", nargs="+", metavar="WORD", help="fx fy cx cy, or a file")
    parser.add_argument("--fov", type=float, help="horizontal field of view, degrees: a guess")
    tilt = parser.add_mutually_exclusive_group()
    tilt.add_argument("--gravity", type=float, nargs=2, metavar=("PITCH", "ROLL"))
    tilt.add_argument("--horizon", type=float, metavar="ROW", help="row of the horizon, pixels")
    parser.add_argument("--views", nargs="+", choices=VIEWS, default=USUAL)
    parser.add_argument("--no-pictures", action="store_true", help="write JSON and arrays only")
    parser.add_argument("--out-dir", type=Path, default=Path("work_dirs/infer_images"))
    parser.add_argument("--score-thr", type=float, default=0.2, help="leave out weaker detections")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--every", type=int, default=1, help="take each N-th frame of a video")
    parser.add_argument("--max-images", type=int, help="stop after so many")
    parser.add_argument("--fps", type=float, default=10.0, help="of video.mp4")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    if args.intrinsics is not None and args.fov is not None:
        parser.error("give --intrinsics or --fov, not both")
    for name in ("batch_size", "every"):
        if getattr(args, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    return args


def camera_of(args: argparse.Namespace, image: np.ndarray) -> Camera:
    """Camera of an image, from the arguments.

    Raises:
        CameraError: none is given, or it makes no sense.
    """
    if args.intrinsics is not None:
        camera = read_camera(args.intrinsics)
    elif args.fov is not None:
        camera = camera_from_fov(args.fov, image.shape[1], image.shape[0])
    else:
        raise CameraError(f"neither --intrinsics nor --fov is given. {HOW_TO}")
    (height, width), (cx, cy) = image.shape[:2], camera.intrinsics[:2, 2]
    if not (0 < cx < width and 0 < cy < height):
        raise CameraError(
            f"the principal point {cx:g}, {cy:g} lies outside the {width}x{height} image: the "
            "intrinsics belong to another image size"
        )
    if args.horizon is not None:
        pitch = pitch_from_horizon(args.horizon, camera.intrinsics)
        return camera._replace(camera_to_ground=ground_rotation(pitch))
    if args.gravity is not None:
        return camera._replace(camera_to_ground=ground_rotation(*args.gravity))
    return camera


def batches(frames: Iterator[Frame], size: int) -> Iterator[list[Frame]]:
    """Frames in groups."""
    while group := list(islice(frames, size)):
        yield group


def keep(results: ResultsFolder, frame: Frame, found: Found, args: argparse.Namespace) -> None:
    """Write picture and record of one image; the record last, since it says that all is done."""
    if frame.path is None or found.image is not frame.image:
        path = results.path / "frames" / f"{results.key(frame.name)}.jpg"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), found.image)
        stored = path.relative_to(results.path)
    else:
        stored = frame.path.absolute()
    record = replace(found.result, image=str(stored))
    if not args.no_pictures:
        path = results.path / "pictures" / f"{results.key(frame.name)}.jpg"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), draw_result(found.image, record, found.arrays, tuple(args.views)))
    results.write(record, found.arrays)


def write_video(folder: Path, fps: float) -> None:
    """Join the pictures of a video's frames."""
    pictures = sorted((folder / "pictures").glob("*.jpg"))
    if not pictures:
        return
    first = cv2.imread(str(pictures[0]))
    size = (first.shape[1] // 2 * 2, first.shape[0] // 2 * 2)
    part = folder / ".video.part.mp4"
    writer = cv2.VideoWriter(str(part), cv2.VideoWriter_fourcc(*"mp4v"), fps, size)
    for path in pictures:
        writer.write(cv2.resize(cv2.imread(str(path)), size))
    writer.release()
    part.replace(folder / "video.mp4")


def settings(args: argparse.Namespace, infer: Detector3D) -> dict:
    """What decides the results; a folder is gone on with under the same only."""
    names = ("config", "checkpoint", "intrinsics", "fov", "gravity", "horizon")
    given = {name: getattr(args, name) for name in names}
    return dict(task="detection", classes=infer.classes, min_score=args.score_thr, **given)


def run(args: argparse.Namespace) -> None:
    """Infer, write, draw.

    Raises:
        CameraError, SourceError, CheckpointError, ResultsError: bad input.
    """
    source = open_source(args.source, args.every)
    if args.intrinsics is not None:
        read_camera(args.intrinsics)  # say what is wrong before the network is built
    elif args.fov is None:
        raise CameraError(f"neither --intrinsics nor --fov is given. {HOW_TO}")
    infer = Detector3D(args.config, args.checkpoint, args.device, args.score_thr)
    results = ResultsFolder.create(args.out_dir, settings(args, infer))
    frames = islice(source.frames(lambda name: not results.has(name)), args.max_images)
    total = None if source.names is None else len(source.names)
    done = sum(results.has(name) for name in source.names or [])
    if done:
        print(f"{done} of {total} images are done already")
    with tqdm(total=total, initial=done, unit="image") as bar:
        for group in batches(frames, args.batch_size):
            cameras = [camera_of(args, frame.image) for frame in group]
            names = [frame.name for frame in group]
            found = infer.batch([frame.image for frame in group], cameras, names)
            for frame, item in zip(group, found, strict=True):
                keep(results, frame, item, args)
            bar.update(len(group))
    if source.is_video and not args.no_pictures:
        write_video(results.path, args.fps)
    page = explore_command(results.path, results.path if source.is_video else Path(args.source))
    print(f"results are in {results.path}; a page of them: {page}")


def main() -> None:
    """Run, or say in one line why that is not possible."""
    args = parse_args()
    try:
        run(args)
    except (CameraError, SourceError, CheckpointError, ResultsError) as error:
        sys.exit(f"infer_images: {error}")


if __name__ == "__main__":
    main()
