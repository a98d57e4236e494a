#!/usr/bin/env python
r"""What knowing the tilt of cameras is worth: compare_tilt.py CONFIG CHECKPOINT --data-root ROOT.

Detects in the images of a config's test split three times: as if the cameras were level, with
gravity told to the pose solver only, and with the images levelled. Tilts are those of the cameras
on the vehicle. A set with pitched cameras, and with ``--camera-pitch 0`` the reference:

    python tools/create_synthetic_nuscenes.py data/pitched --camera-pitch 10 --scenes 2 \
        --samples-per-scene 20
    python tools/create_data.py nuscenes --root-path data/pitched --version v1.0-mini
"""

import argparse
import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
from mmdet3d.registry import DATASETS
from tqdm import tqdm

from epropnp_data.images import Camera
from epropnp_data.images.cameras import camera_tilt, rotation_from_gravity
from epropnp_data.images.reading import read_image
from epropnp_det.evaluation.average_precision import average_precision
from epropnp_det.inference import Detector3D
from epropnp_det.inference.records import truth_of
from epropnp_results import ImageResult, match_objects
from epropnp_tools.cli import add_run_arguments, load_config, plain_errors

WAYS = {  # title: (give the tilt, level the images)
    "as if level": (False, True),
    "gravity told to the solver": (True, False),
    "images levelled": (True, True),
}
DOWN_EGO = np.array([0.0, 0.0, -1.0])


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_run_arguments(parser)
    parser.add_argument("checkpoint")
    parser.add_argument("--score-thr", type=float, default=0.2, help="of the objects counted")
    parser.add_argument(
        "--max-distance", type=float, default=30.0, help="of true and found objects, metres"
    )
    parser.add_argument("--max-images", type=int, default=120, help="evenly spread")
    return parser.parse_args()


def score(results: list[ImageResult], score_thr: float) -> dict:
    """Objects found up to 2 m away, mean AP over classes, median errors."""
    rows = [
        (item.label, item.score, match)
        for result in results
        for item, match in zip(result.objects, match_objects(result), strict=True)
    ]
    truth = [box.label for result in results for box in result.truth]
    aps = []
    for label in sorted(set(truth)):
        own = [(row[1], row[2] is not None) for row in rows if row[0] == label]
        scores, hits = np.array(own, dtype=float).reshape(-1, 2).T
        aps.append(average_precision(scores, hits > 0, truth.count(label)))
    hits = [match for _, value, match in rows if match is not None and value >= score_thr]
    return dict(
        true=len(truth),
        found=len(hits),
        false=sum(match is None and value >= score_thr for _, value, match in rows),
        ap=float(np.mean(aps)),
        position=float(np.median([match.position_error for match in hits] or [np.nan])),
        angle=float(np.degrees(np.median([match.angle_error for match in hits] or [np.nan]))),
    )


def detect(
    infer: Detector3D, infos: list[dict], way: str, max_distance: float
) -> tuple[list[ImageResult], list[float]]:
    """Results and truth of one way up to a distance, and the pitch of each camera."""
    with_tilt, infer.level_images = WAYS[way]
    results, pitches = [], []
    for info in tqdm(infos, desc=way, unit="image"):
        image = read_image(info["img_path"])
        ground = rotation_from_gravity(info["cam2ego"][:3, :3].T @ DOWN_EGO)
        pitches.append(camera_tilt(ground)[0])
        camera = Camera(info["cam2img"], camera_to_ground=ground if with_tilt else None)
        found = infer(image, camera, info["img_path"]).result
        truth, objects = (
            [box for box in boxes if np.linalg.norm(box.translation) <= max_distance]
            for boxes in (truth_of(info["annotations"], infer.classes), found.objects)
        )
        # distances and headings are compared on the ground, whatever the detector knew
        known = dict(truth=truth, objects=objects, camera_to_ground=ground.tolist())
        results.append(replace(found, **known))
    return results, pitches


def main() -> None:
    """Detect in three ways, print a table."""
    args = parse_args()
    with plain_errors():
        cfg = load_config(args)
        infer = Detector3D(cfg, args.checkpoint, score_thr=0.02)
        config = copy.deepcopy(cfg.test_dataloader.dataset)
        config.update(pipeline=[], test_mode=False, filter_empty_gt=False)
        dataset = DATASETS.build(config)
        step = max(1, -(-len(dataset) // args.max_images))
        infos = [dataset.get_data_info(index) for index in range(0, len(dataset), step)]
        print(f"{len(infos)} images of {Path(config.data_root)}, truth up to {args.max_distance} m")
        for way in WAYS:
            results, pitches = detect(infer, infos, way, args.max_distance)
            row = score(results, args.score_thr)
            print(
                f"{way:28} pitch {np.mean(pitches):4.1f}: found {row['found']} of {row['true']}, "
                f"false {row['false']}, AP at 2 m {row['ap']:.3f}, "
                f"position {row['position']:.2f} m, heading {row['angle']:.1f} degrees"
            )


if __name__ == "__main__":
    main()
