#!/usr/bin/env python
r"""A film of one scene: six cameras, and the ground from above with position densities.

    python demo/infer_nuscenes_sequence.py CONFIG CHECKPOINT --data-root data/nuscenes \
        --scene scene-0103

The scene is one of the config's test split, the first where none is named. OUT_DIR
(work_dirs/sequence) gets the results as files (docs/results_folder.md), one picture per keyframe
and SCENE.mp4. An interrupted run goes on with the images that are missing.
"""

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from mmdet3d.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from nuscenes.nuscenes import NuScenes
from tqdm import tqdm

from epropnp_data.errors import DatasetError
from epropnp_data.images.reading import read_image
from epropnp_data.images.video import write_video
from epropnp_det.inference import Detector3D, write_dataset_results
from epropnp_mm.engine import CheckpointError
from epropnp_results import ImageResult, ResultsError, ResultsFolder
from epropnp_results.pictures import draw_surround


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config")
    parser.add_argument("checkpoint")
    parser.add_argument("--data-root", help="folder of the data set, instead of the config's")
    parser.add_argument("--scene", help="name, for example scene-0103")
    parser.add_argument("--out-dir", type=Path, default=Path("work_dirs/sequence"))
    parser.add_argument("--score-thr", type=float, default=0.2, help="leave out weaker detections")
    parser.add_argument("--max-frames", type=int, help="only the first so many keyframes")
    parser.add_argument("--no-truth", action="store_true", help="draw the predictions alone")
    parser.add_argument("--width", type=int, default=480, help="of each camera image, pixels")
    parser.add_argument("--fps", type=float, default=4.0, help="keyframes are 0.5 s apart")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def keyframes(nusc: NuScenes, name: str | None, tested: set[str]) -> tuple[str, list[str]]:
    """Name and keyframes of a scene in their order.

    Args:
        nusc: tables.
        name: of the scene; the first one that is tested when None.
        tested: tokens of the split's keyframes.

    Raises:
        DatasetError: there is no such scene in the split.
    """
    scenes = {}
    for scene in nusc.scene:
        tokens, token = [], scene["first_sample_token"]
        while token:
            tokens.append(token)
            token = nusc.get("sample", token)["next"]
        if tested & set(tokens):
            scenes[scene["name"]] = tokens
    if name is None and scenes:
        return next(iter(scenes.items()))
    if name not in scenes:
        raise DatasetError(
            f"{name}: not a scene of the test split; there are {', '.join(sorted(scenes))}"
        )
    return name, scenes[name]


def moments(results: ResultsFolder, tokens: list[str]) -> Iterator[list[ImageResult]]:
    """Records of all cameras of one keyframe after the other."""
    groups: dict[str, list[ImageResult]] = {}
    for record in results:
        groups.setdefault(record.group, []).append(record)
    for token in tokens:
        if token in groups:
            yield groups[token]


def draw(results: ResultsFolder, records: list[ImageResult], width: int, truth: bool) -> np.ndarray:
    """Picture of one keyframe."""
    images = [read_image(results.image_path(record)) for record in records]
    arrays = [results.arrays(record.name) for record in records]
    if not truth:
        records = [ImageResult(**{**vars(record), "truth": None}) for record in records]
    return draw_surround(images, records, arrays, width)


def run(args: argparse.Namespace) -> None:
    """Infer, draw, join.

    Raises:
        CheckpointError, DatasetError, ResultsError: bad input.
    """
    cfg = Config.fromfile(args.config)
    init_default_scope(cfg.get("default_scope", "mmdet3d"))
    dataset_cfg = cfg.test_dataloader.dataset
    dataset_cfg.data_root = args.data_root or dataset_cfg.data_root
    dataset = DATASETS.build(dict(dataset_cfg, pipeline=[], test_mode=True))
    tokens = [dataset.get_data_info(index)["sample_token"] for index in range(len(dataset))]
    nusc = NuScenes(dataset.metainfo["version"], dataset_cfg.data_root, verbose=False)
    name, wanted = keyframes(nusc, args.scene, set(tokens))
    wanted = wanted[: args.max_frames]
    dataset_cfg.indices = [index for index, token in enumerate(tokens) if token in set(wanted)]
    infer = Detector3D(cfg, args.checkpoint, args.device, args.score_thr)
    progress = partial(tqdm, unit="image", desc=name)
    results = write_dataset_results(infer, cfg, args.out_dir, args.checkpoint, progress)
    folder = args.out_dir / "surround"
    folder.mkdir(exist_ok=True)
    pictures = []
    for number, records in enumerate(tqdm(moments(results, wanted), unit="picture")):
        pictures.append(folder / f"{name}-{number:03d}.jpg")
        cv2.imwrite(str(pictures[-1]), draw(results, records, args.width, not args.no_truth))
    write_video(pictures, args.out_dir / f"{name}.mp4", args.fps)
    print(f"{args.out_dir / f'{name}.mp4'}: {len(pictures)} keyframes")


def main() -> None:
    """Run, or say in one line why that is not possible."""
    args = parse_args()
    try:
        run(args)
    except (CheckpointError, DatasetError, ResultsError) as error:
        sys.exit(f"infer_nuscenes_sequence: {error}")


if __name__ == "__main__":
    main()
