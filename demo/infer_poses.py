#!/usr/bin/env python
r"""Find 6DoF poses of known objects in your own images and see why.

    python demo/infer_poses.py FOLDER|IMAGE|VIDEO|CAMERA_NUMBER --config CONFIG \
        --checkpoint CHECKPOINT --models-dir MODELS --intrinsics K.json --detections boxes.json

Boxes come from one of
  --detections FILE  list of {"image" or "image_id", "category_id", "bbox": [x, y, w, h], "score"},
                     as BOP's and COCO's results; an image is found by its file name, or by the
                     number at the end of its name, a frame of a video by its number
  --box X Y W H      one box, the same in every image, of the object --obj-id
MODELS holds models_info.json (BOP); meshes in it are only drawn. The camera comes from --intrinsics
fx fy cx cy (OpenCV's pixels: the first one's centre is 0), a text file with the 3x3 matrix, or a
JSON file with intrinsics (and distortion); or is guessed from --fov.

OUT_DIR (work_dirs/infer_poses) gets the results as JSON and arrays (docs/results_folder.md),
pictures and, for videos, video.mp4. An interrupted run goes on. tools/explore.py OUT_DIR makes a
page of it.
"""

import argparse
import re
import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

from epropnp_6dof.bop.errors import BOPError, numbers, read_json, whole
from epropnp_6dof.own_images import ObjectBox, Pose6DoF
from epropnp_data.images import Camera, CameraError, Frame, SourceError
from epropnp_mm.engine import CheckpointError
from epropnp_results import ResultsError, ResultsFolder
from own_images import Found, add_arguments, camera_of, open_given, parse, run_over

VIEWS = ("boxes", "points", "panels")
FIELDS = {"category_id", "bbox"}


class Wanted(NamedTuple):
    """A box, and the image it belongs to: by name, by number, or every one."""

    image: str | None
    image_id: int | None
    box: ObjectBox


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser, "work_dirs/infer_poses", VIEWS)
    parser.set_defaults(views=("boxes", "panels"))
    boxes = parser.add_mutually_exclusive_group(required=True)
    boxes.add_argument("--detections", type=Path)
    boxes.add_argument("--box", nargs=4, type=float, metavar=("X", "Y", "W", "H"))
    parser.add_argument("--obj-id", type=int, help="object in --box")
    parser.add_argument("--models-dir", type=Path, required=True)
    parser.add_argument("--score-thr", type=float, default=0.0, help="lowest detection score used")
    args = parse(parser)
    if args.box is not None and args.obj_id is None:
        parser.error("--box needs --obj-id")
    return args


def read_boxes(args: argparse.Namespace) -> list[Wanted]:
    """Entries of the detections file; that of --box belongs to every image.

    Raises:
        BOPError, BOPFileMissing: naming file and entry.
    """
    if args.box is not None:
        return [Wanted(None, None, ObjectBox(args.obj_id, tuple(args.box)))]
    found = []
    for index, entry in enumerate(read_json(args.detections, list)):
        try:
            found.append(parse_entry(entry))
        except ValueError as error:
            raise BOPError(f"{args.detections}: entry {index} {error}") from None
    return [item for item in found if item.box.score >= args.score_thr]


def parse_entry(entry: object) -> Wanted:
    """One detection.

    Raises:
        ValueError: it lacks a field, or a value makes no sense.
    """
    if not isinstance(entry, dict):
        raise ValueError(f"is {entry!r}, expected the fields of a detection")
    if missing := sorted(FIELDS - set(entry)):
        raise ValueError(f"has no {missing[0]}")
    if not {"image", "image_id"} & set(entry):
        raise ValueError("has neither image nor image_id")
    box = tuple(numbers(entry["bbox"], 4, "bbox").tolist())
    if min(box[2:]) <= 0:
        raise ValueError(f"bbox is {entry['bbox']}: width and height have to be above zero")
    (score,) = numbers(entry.get("score", 1.0), 1, "score").tolist()
    obj_id = whole(entry["category_id"], "category_id")
    if "image" in entry:
        return Wanted(Path(str(entry["image"])).name, None, ObjectBox(obj_id, box, score))
    return Wanted(None, whole(entry["image_id"], "image_id"), ObjectBox(obj_id, box, score))


def boxes_of(frame: Frame, wanted: list[Wanted]) -> list[ObjectBox]:
    """Boxes of one image."""
    path = Path(frame.name)
    digits = re.search(r"\d+$", path.stem)
    number = None if digits is None else int(digits.group())
    return [
        item.box
        for item in wanted
        if item.image in (None, path.name, path.stem) and item.image_id in (None, number)
    ]


def settings(args: argparse.Namespace, infer: Pose6DoF) -> dict:
    """What decides the results; a folder is gone on with under the same only."""
    names = ("config", "checkpoint", "intrinsics", "fov", "box", "obj_id", "score_thr")
    given = {name: getattr(args, name) for name in names}
    detections = None if args.detections is None else str(args.detections)
    return dict(task="pose", classes=infer.classes, detections=detections, **given)


def find(
    infer: Pose6DoF, wanted: list[Wanted], frames: list[Frame], cameras: list[Camera]
) -> list[Found]:
    """Records, arrays and straight images."""
    return [
        tuple(infer(frame.image, camera, boxes_of(frame, wanted), frame.name))
        for frame, camera in zip(frames, cameras, strict=True)
    ]


def run(args: argparse.Namespace) -> None:
    """Infer, write, draw.

    Raises:
        CameraError, SourceError, CheckpointError, ResultsError, ValueError, FileNotFoundError: bad
            input.
    """
    source, wanted = open_given(args), read_boxes(args)
    infer = Pose6DoF(args.config, args.checkpoint, args.models_dir, args.device)
    results = ResultsFolder.create(args.out_dir, settings(args, infer))
    run_over(source, results, args, partial(find, infer, wanted), partial(camera_of, args))


def main() -> None:
    """Run, or say in one line why that is not possible."""
    args = parse_args()
    known = (CameraError, SourceError, CheckpointError, ResultsError, ValueError, FileNotFoundError)
    try:
        run(args)
    except known as error:
        sys.exit(f"infer_poses: {error}")


if __name__ == "__main__":
    main()
