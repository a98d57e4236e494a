"""Split the real LM-O frames of one folder into a BOP data set for the small exercise.

    python tools/create_lmo_sample.py SOURCE data/lmo_sample

SOURCE is LM-O's test scene in BOP layout (``test/000002`` with any number of its frames,
``models_eval``), and ``--labels`` a folder of label images (pixel value = object id) next to it,
for the masks of the visible parts. Every fourth frame is for testing. It is one sequence: a score
on it shows that the network fits real images, and says nothing about LM-O.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np

from epropnp_6dof.bop import SceneImage, read_scene
from epropnp_data.staging import is_finished, staged

SCENE = Path("test") / "000002"
TEST_EVERY = 4
ANNOTATIONS = ("scene_gt.json", "scene_gt_info.json", "scene_camera.json")


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--labels", type=Path, help="default: SOURCE/derived/label_annotated_objects"
    )
    return parser.parse_args()


def write_masks(folder: Path, image: SceneImage, labels: np.ndarray) -> None:
    """Write the visible mask of every annotated object."""
    for instance in image.instances:
        mask = (labels == instance.obj_id).astype(np.uint8) * 255
        name = f"{image.im_id:06d}_{instance.gt_index:06d}.png"
        cv2.imwrite(str(folder / name), mask)


def write_sample(source: Path, labels_dir: Path, out: Path) -> dict[str, list[int]]:
    """Write the data set and return the frames of its parts.

    Raises:
        FileNotFoundError: if frames, models or label images are missing.
    """
    images = read_scene(source / SCENE)
    scene = out / SCENE
    (scene / "mask_visib").mkdir(parents=True)
    shutil.copytree(source / SCENE / "rgb", scene / "rgb")
    shutil.copytree(source / "models_eval", out / "models_eval")
    for name in ANNOTATIONS:
        shutil.copy(source / SCENE / name, scene)
    for image in images:
        path = labels_dir / f"{image.im_id:06d}.png"
        labels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if labels is None:
            raise FileNotFoundError(f"{path}: no label image of this frame")
        write_masks(scene / "mask_visib", image, labels)
    frames = [image.im_id for image in images]
    test = frames[TEST_EVERY // 2 :: TEST_EVERY]
    parts = {"train": sorted(set(frames) - set(test)), "test": test}
    for part, ids in parts.items():
        (out / f"{part}_frames.json").write_text(json.dumps({"2": ids}))
    return parts


def main() -> None:
    """Write the data set beside its place, then rename it."""
    args = parse_args()
    labels = args.labels or args.source / "derived" / "label_annotated_objects"
    settings = {"source": str(args.source.resolve()), "labels": str(labels.resolve())}
    try:
        if is_finished(args.out, settings):
            print(f"reused {args.out}")
            return
        with staged(args.out, settings) as partial:
            parts = write_sample(args.source, labels, partial)
    except OSError as error:
        sys.exit(f"create_lmo_sample: {error}")
    print(f"made {args.out}: {len(parts['train'])} training, {len(parts['test'])} test frames")


if __name__ == "__main__":
    main()
