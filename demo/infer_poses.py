#!/usr/bin/env python
r"""Find 6DoF poses of known objects in your own images and see why.

    python demo/infer_poses.py FOLDER|IMAGE|VIDEO|CAMERA_NUMBER --config CONFIG \
        --checkpoint CHECKPOINT --models-dir MODELS --intrinsics K.json --detections boxes.json

Boxes come from one of
  --detections FILE  list of {"image" or "image_id", "category_id", "bbox": [x, y, w, h], "score"},
                     as BOP's and COCO's results; an image is found by its file name, or by the
                     number at the end of its name, a frame of a video by its number
  --box X Y W H      one box, the same in every image, of the object --obj-id
MODELS holds models_info.json (BOP). The camera comes from --intrinsics fx fy cx cy, a text file
with the 3x3 matrix, or a JSON file with intrinsics (and distortion); or is guessed from --fov.

OUT_DIR (work_dirs/infer_poses) gets the results as JSON and arrays (docs/results.md), pictures and,
for videos, video.mp4. An interrupted run goes on. tools/explore.py OUT_DIR makes a page of it.
"""

import argparse
import json
import re
import sys
from functools import partial
from pathlib import Path

from epropnp_6dof.own_images import ObjectBox, Pose6DoF
from epropnp_data.images import Camera, CameraError, Frame, SourceError
from epropnp_mm.engine import CheckpointError
from epropnp_results import ResultsError, ResultsFolder
from own_images import Found, add_arguments, camera_of, open_given, parse, run_over

VIEWS = ("boxes", "points", "panels")
FIELDS = {"category_id", "bbox"}


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


def read_boxes(args: argparse.Namespace) -> list[dict]:
    """Entries of the detections file; those of --box belong to every image.

    Raises:
        SourceError: naming file and entry.
    """
    if args.box is not None:
        return [dict(category_id=args.obj_id, bbox=args.box)]
    path = args.detections
    try:
        entries = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: is no list of detections ({error})") from None
    if not isinstance(entries, list):
        raise SourceError(f"{path}: holds {type(entries).__name__}, expected a list of detections")
    for index, entry in enumerate(entries):
        if missing := sorted(FIELDS - set(entry)):
            raise SourceError(f"{path}: entry {index} has no {missing[0]}")
        if not {"image", "image_id"} & set(entry):
            raise SourceError(f"{path}: entry {index} has neither image nor image_id")
        if len(entry["bbox"]) != 4:
            raise SourceError(f"{path}: entry {index}: bbox is {entry['bbox']}, expected x y w h")
    return [entry for entry in entries if entry.get("score", 1.0) >= args.score_thr]


def boxes_of(frame: Frame, entries: list[dict]) -> list[ObjectBox]:
    """Boxes of one image."""
    return [
        ObjectBox(int(entry["category_id"]), tuple(entry["bbox"]), float(entry.get("score", 1.0)))
        for entry in entries
        if _belongs(entry, frame)
    ]


def _belongs(entry: dict, frame: Frame) -> bool:
    if "image" in entry:
        return Path(entry["image"]).name in (Path(frame.name).name, Path(frame.name).stem)
    number = re.search(r"\d+$", Path(frame.name).stem)
    return "image_id" not in entry or (
        number is not None and int(number.group()) == int(entry["image_id"])
    )


def settings(args: argparse.Namespace, infer: Pose6DoF) -> dict:
    """What decides the results; a folder is gone on with under the same only."""
    names = ("config", "checkpoint", "intrinsics", "fov", "box", "obj_id", "score_thr")
    given = {name: getattr(args, name) for name in names}
    detections = None if args.detections is None else str(args.detections)
    return dict(task="pose", classes=infer.classes, detections=detections, **given)


def find(
    infer: Pose6DoF, entries: list[dict], frames: list[Frame], cameras: list[Camera]
) -> list[Found]:
    """Records, arrays and straight images."""
    return [
        tuple(infer(frame.image, camera, boxes_of(frame, entries), frame.name))
        for frame, camera in zip(frames, cameras, strict=True)
    ]


def run(args: argparse.Namespace) -> None:
    """Infer, write, draw.

    Raises:
        CameraError, SourceError, CheckpointError, ResultsError, ValueError, FileNotFoundError: bad
            input.
    """
    source, entries = open_given(args), read_boxes(args)
    infer = Pose6DoF(args.config, args.checkpoint, args.models_dir, args.device)
    results = ResultsFolder.create(args.out_dir, settings(args, infer))
    run_over(source, results, args, partial(find, infer, entries), partial(camera_of, args))


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
