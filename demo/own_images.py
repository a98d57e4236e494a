"""What the commands for one's own images share: source, camera, going on, pictures, video."""

import argparse
from collections.abc import Callable, Iterator
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
    Source,
    camera_from_fov,
    open_source,
    read_camera,
)
from epropnp_data.images.cameras import HOW_TO
from epropnp_data.images.video import write_video
from epropnp_results import ImageResult, ResultsFolder, explore_command
from epropnp_results.pictures import draw_result

Found = tuple[ImageResult, dict[str, np.ndarray], np.ndarray]  # record, arrays, straight image
Infer = Callable[[list[Frame], list[Camera]], list[Found]]


def add_arguments(parser: argparse.ArgumentParser, out_dir: str, views: tuple[str, ...]) -> None:
    """Arguments of both commands."""
    parser.add_argument("source", help="folder, image, video or number of a camera")
    parser.add_argument("--config", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--intrinsics", nargs="+", metavar="WORD", help="fx fy cx cy, or a file")
    parser.add_argument("--fov", type=float, help="horizontal field of view, degrees: a guess")
    parser.add_argument("--views", nargs="+", choices=views)
    parser.add_argument("--no-pictures", action="store_true", help="write JSON and arrays only")
    parser.add_argument("--out-dir", type=Path, default=Path(out_dir))
    parser.add_argument("--batch-size", type=int, default=1, help="images")
    parser.add_argument("--every", type=int, default=1, help="take each N-th frame of a video")
    parser.add_argument("--max-images", type=int, help="stop after so many")
    parser.add_argument("--fps", type=float, default=10.0, help="of video.mp4")
    parser.add_argument("--device", default="cpu")


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse and check the arguments of both commands."""
    args = parser.parse_args()
    if args.intrinsics is not None and args.fov is not None:
        parser.error("give --intrinsics or --fov, not both")
    for name in ("batch_size", "every"):
        if getattr(args, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    return args


def open_given(args: argparse.Namespace) -> Source:
    """The source, once it is sure that there will be a camera: before any network is built.

    Raises:
        CameraError, SourceError: bad input.
    """
    source = open_source(args.source, args.every)
    if args.intrinsics is not None:
        read_camera(args.intrinsics)
    elif args.fov is None:
        raise CameraError(f"neither --intrinsics nor --fov is given. {HOW_TO}")
    return source


def camera_of(args: argparse.Namespace, image: np.ndarray) -> Camera:
    """Camera of an image, from the arguments.

    Raises:
        CameraError: it makes no sense.
    """
    (height, width) = image.shape[:2]
    if args.intrinsics is None:
        return camera_from_fov(args.fov, width, height)
    camera = read_camera(args.intrinsics)
    cx, cy = camera.intrinsics[:2, 2]
    if not (0 < cx < width and 0 < cy < height):
        raise CameraError(
            f"the principal point {cx:g}, {cy:g} lies outside the {width}x{height} image: the "
            "intrinsics belong to another image size"
        )
    return camera


def run_over(
    source: Source,
    results: ResultsFolder,
    args: argparse.Namespace,
    infer: Infer,
    camera: Callable[[np.ndarray], Camera],
) -> None:
    """Infer the images that are not done, write records and pictures, join a video.

    Args:
        source: images.
        results: folder to write into.
        args: of `add_arguments`.
        infer: records, arrays and straight images of frames and their cameras.
        camera: of an image.

    Raises:
        CameraError, SourceError: bad input.
    """
    frames = islice(source.frames(lambda name: not results.has(name)), args.max_images)
    total = None if source.names is None else len(source.names)
    done = sum(results.has(name) for name in source.names or [])
    if done:
        print(f"{done} of {total} images are done already")
    with tqdm(total=total, initial=done, unit="image") as bar:
        for group in batches(frames, args.batch_size):
            cameras = [camera(frame.image) for frame in group]
            for frame, found in zip(group, infer(group, cameras), strict=True):
                keep(results, frame, found, None if args.no_pictures else tuple(args.views))
            bar.update(len(group))
    if source.is_video and not args.no_pictures:
        pictures = sorted((results.path / "pictures").glob("*.jpg"))
        if pictures:
            write_video(pictures, results.path / "video.mp4", args.fps)
    page = explore_command(results.path, results.path if source.is_video else Path(args.source))
    print(f"results are in {results.path}; a page of them: {page}")


def batches(frames: Iterator[Frame], size: int) -> Iterator[list[Frame]]:
    """Frames in groups."""
    while group := list(islice(frames, size)):
        yield group


def keep(results: ResultsFolder, frame: Frame, found: Found, views: tuple[str, ...] | None) -> None:
    """Write picture and record of one image; the record last, since it says that all is done."""
    record, arrays, image = found
    if frame.path is None or image is not frame.image:
        path = results.path / "frames" / f"{results.key(frame.name)}.jpg"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), image)
        stored = path.relative_to(results.path)
    else:
        stored = frame.path.absolute()
    record = replace(record, image=str(stored))
    if views is not None:
        path = results.path / "pictures" / f"{results.key(frame.name)}.jpg"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), draw_result(image, record, arrays, views))
    results.write(record, arrays)
