r"""Poses of objects in your own images, with pictures.

    python tools/infer_6dof.py IMAGES --intrinsics 572.4 573.6 325.3 242.0 \
        --detections boxes.json --config CONFIG --checkpoint CHECKPOINT --models-dir MODELS

IMAGES are files or folders. Boxes come from one of
  --detections FILE  BOP / COCO results: a list of {"image_id" or "image", "category_id",
                     "bbox": [x, y, w, h], "score"}; an image is found by its file name or by the
                     number in it
  --box X Y W H      one box, the same in every image, of the object --obj-id
Intrinsics are fx fy cx cy, or a file (docs/inference.md), in OpenCV's convention (integer
pixel coordinates are pixel centres). MODELS holds models_info.json (BOP); meshes are only drawn.
Writes poses.json, results_bop.csv and pictures to --out-dir, and to its folder explained what
tools/explore.py makes a page of.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import cv2
from mmengine.registry import init_default_scope
from tqdm import tqdm

from epropnp_6dof.bop import ObjectModel, PoseEstimate, read_models_info, write_results
from epropnp_6dof.bop.errors import numbers, read_json, whole
from epropnp_6dof.datasets.coordinate_cache import CoordinateCache
from epropnp_6dof.explained_results import label_of, write_explained
from epropnp_6dof.inference import ImageObject, ObjectPose, PoseInferencer, load_inferencer
from epropnp_6dof.pose_record import pose_record
from epropnp_6dof.visualization.report import draw_report
from epropnp_data.errors import DatasetError
from epropnp_data.images import CameraError, read_camera
from epropnp_mm.engine import CheckpointError
from epropnp_results import ResultsFolder, explore_command

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--intrinsics", nargs="+", required=True)
    boxes = parser.add_mutually_exclusive_group(required=True)
    boxes.add_argument("--detections", type=Path)
    boxes.add_argument("--box", nargs=4, type=float, metavar=("X", "Y", "W", "H"))
    parser.add_argument("--obj-id", type=int, help="object in --box")
    parser.add_argument("--config", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--models-dir", type=Path, required=True)
    parser.add_argument("--out-dir", type=Path, default=Path("work_dirs/infer_6dof"))
    parser.add_argument("--score-thr", type=float, default=0.0, help="lowest detection score used")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--no-pictures", action="store_true")
    args = parser.parse_args()
    if args.box is not None and args.obj_id is None:
        parser.error("--box needs --obj-id")
    return args


def list_images(paths: list[Path]) -> list[Path]:
    """Image files named, or in the folders named."""
    images = []
    for path in paths:
        if path.is_dir():
            images += sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
        elif path.is_file():
            images.append(path)
        else:
            raise FileNotFoundError(f"{path}: no such image or folder")
    if not images:
        raise FileNotFoundError(f"no images in {', '.join(map(str, paths))}")
    return images


def find_image(entry: dict, images: list[Path]) -> Path | None:
    """Image of a detection, by file name or by number."""
    if "image" in entry:
        return next((path for path in images if path.name == Path(entry["image"]).name), None)
    number = int(entry["image_id"])
    return next((p for p in images if p.stem.isdigit() and int(p.stem) == number), None)


def read_entry(
    entry: dict, images: list[Path]
) -> tuple[Path | None, tuple[float, ...], float, int]:
    """Image, box, score and object of a detection.

    Raises:
        KeyError, TypeError, ValueError: it lacks a field, or a value makes no sense.
    """
    box = tuple(numbers(entry["bbox"], 4, "bbox").tolist())
    if min(box[2:]) <= 0:
        raise ValueError(f"bbox is {entry['bbox']}: width and height have to be above zero")
    score = float(entry.get("score", 1.0))
    return find_image(entry, images), box, score, whole(entry["category_id"], "category_id")


def find_targets(
    args: argparse.Namespace, images: list[Path], models: dict[int, ObjectModel]
) -> list[ImageObject]:
    """Objects asked for."""
    if args.box is not None:
        entries = [dict(image=path.name, category_id=args.obj_id, bbox=args.box) for path in images]
    else:
        entries = read_json(args.detections, list)
    camera = read_camera(args.intrinsics)
    if camera.distortion is not None:
        raise CameraError("lens distortion is not handled here: undistort the images beforehand")
    targets = []
    for index, entry in enumerate(entries):
        try:
            path, box, score, obj_id = read_entry(entry, images)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            text = f"lacks {error}" if isinstance(error, KeyError) else error
            raise ValueError(f"{args.detections}: entry {index}: {text}") from None
        if path is None or score < args.score_thr:
            continue
        if obj_id not in models:
            raise ValueError(f"entry {index}: object {obj_id} is not in models_info.json")
        targets.append(
            ImageObject(
                image_path=path,
                obj_id=obj_id,
                box=box,
                score=score,
                cam_mat=camera.intrinsics,
                coord_scale=models[obj_id].coord_scale,
                scene_id=int(entry.get("scene_id", 0)),
                im_id=int(path.stem) if path.stem.isdigit() else images.index(path),
            )
        )
    if not targets:
        raise ValueError("no detection belongs to any of the images")
    return targets


def write_outputs(out_dir: Path, found: list[ObjectPose]) -> None:
    """Write poses as JSON and, the valid ones, as a BOP result file."""
    out_dir.mkdir(parents=True, exist_ok=True)
    (out_dir / "poses.json").write_text(json.dumps([pose_record(item) for item in found], indent=1))
    estimates = [
        PoseEstimate(t.scene_id, t.im_id, t.obj_id, t.score, item.pose)
        for item in found
        if item.valid
        for t in [item.target]
    ]
    write_results(out_dir / "results_bop.csv", estimates)


def draw(
    args: argparse.Namespace,
    inferencer: PoseInferencer,
    found: list[ObjectPose],
    models: dict[int, ObjectModel],
) -> None:
    """Draw one picture per object."""
    folder = args.out_dir / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    for index, item in enumerate(tqdm(found, desc="pictures", disable=not sys.stderr.isatty())):
        model = models[item.target.obj_id]
        picture = draw_report(item, inferencer.model.solver, model, args.models_dir)
        name = f"{item.target.image_path.stem}_{index:03d}_obj{item.target.obj_id:06d}.png"
        cv2.imwrite(str(folder / name), picture)


def explain(
    args: argparse.Namespace,
    inferencer: PoseInferencer,
    found: list[ObjectPose],
    models: dict[int, ObjectModel],
) -> Path:
    """Write the results folder anew."""
    folder = args.out_dir / "explained"
    shutil.rmtree(folder, ignore_errors=True)
    header = dict(task="pose", classes=[label_of(obj_id) for obj_id in sorted(models)])
    header |= dict(config=args.config, checkpoint=args.checkpoint)
    results = ResultsFolder.create(folder, header)
    meshes = CoordinateCache(args.models_dir, None)
    write_explained(results, found, inferencer.model.solver, models, meshes=meshes)
    return folder


def main() -> None:
    """Estimate, write, draw."""
    args = parse_args()
    init_default_scope("mmdet3d")
    try:
        images = list_images(args.images)
        models = read_models_info(args.models_dir)
        targets = find_targets(args, images, models)
        inferencer = load_inferencer(args.config, args.checkpoint, args.device)
        found = inferencer(targets)
    except (OSError, ValueError, CameraError, CheckpointError, DatasetError) as error:
        sys.exit(f"infer_6dof: {error}")
    write_outputs(args.out_dir, found)
    folder = explain(args, inferencer, found, models)
    if not args.no_pictures:
        draw(args, inferencer, found, models)
    solved = sum(item.valid for item in found)
    print(f"{solved} of {len(found)} objects solved, see {args.out_dir}")
    print(f"a page of them: {explore_command(folder, args.images[0])}")


if __name__ == "__main__":
    main()
