#!/usr/bin/env python
"""Draw what training really sees: ``python tools/browse_dataset.py CONFIG [--out-dir DIR]``.

Images as the network gets them, after augmentation, with their targets. Of a detector: 2D boxes
and classes (yellow), 3D boxes (blue; their front is filled), lidar points by depth; mirrored images
stay mirrored. Of a 6DoF network: the crop with its box, and its coordinates.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet3d.registry import DATASETS, VISUALIZERS
from mmengine.registry import init_default_scope
from tqdm import tqdm

from epropnp_mm.visualization import ResultVisualizer
from epropnp_results.pictures.palette import TEXT, write
from epropnp_tools.cli import UsageError, add_run_arguments, load_config, plain_errors


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_run_arguments(parser)
    parser.add_argument("--split", choices=["train", "val", "test"], default="train")
    parser.add_argument("--out-dir", type=Path, default=Path("work_dirs/browse"))
    parser.add_argument("--num", type=int, default=20, help="images, evenly spread")
    parser.add_argument("--seed", type=int, default=0, help="of the augmentation")
    args = parser.parse_args()
    if args.num < 1:
        parser.error("--num must be at least 1")
    return args


def run(args: argparse.Namespace) -> None:
    """Write the pictures.

    Raises:
        UsageError: the config has no such split, or its pipeline packs no camera image.
        DatasetError: the data are missing.
    """
    cfg = load_config(args)
    init_default_scope(cfg.get("default_scope", "mmdet3d"))
    loader = cfg.get(f"{args.split}_dataloader")
    if not loader:
        raise UsageError(f"{args.config}: has no {args.split}_dataloader")
    visualizer = VISUALIZERS.build(dict(cfg.visualizer, vis_backends=None, name="browse"))
    if not isinstance(visualizer, ResultVisualizer):
        raise UsageError(f"{args.config}: its visualizer does not draw what the network sees")
    np.random.seed(args.seed)  # noqa: NPY002 - what the transforms draw from
    dataset = DATASETS.build(loader.dataset)
    visualizer.dataset_meta = dataset.metainfo
    args.out_dir.mkdir(parents=True, exist_ok=True)
    count = min(args.num, len(dataset))
    for number in tqdm(range(count), unit="image"):
        item = dataset[number * len(dataset) // count]
        inputs, sample = item["inputs"], item["data_samples"]
        image = inputs["img"] if isinstance(inputs, dict) else inputs
        try:
            picture = visualizer.draw_input(_bgr(image), sample)
        except ValueError as error:
            raise UsageError(f"{args.config}: {error}") from None
        note = f"{Path(sample.img_path).name}{', mirrored' if sample.get('flip') else ''}"
        write(picture, note, (6, picture.shape[0] - 6), TEXT, 9)
        cv2.imwrite(str(args.out_dir / f"{number:04d}.jpg"), picture)
    print(f"{count} pictures are in {args.out_dir}")


def _bgr(image: torch.Tensor) -> np.ndarray:
    """(h, w, 3) of a packed image (3, h, w)."""
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


def main() -> None:
    """Draw, or say in one line why that is not possible."""
    args = parse_args()
    with plain_errors():
        run(args)


if __name__ == "__main__":
    main()
