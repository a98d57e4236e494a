"""Write the LineMOD split: ``lm_train.json`` and ``lm_test.json`` in the folder of the data set.

    python tools/create_lm_split.py data/bop/lm --lists data/lm_image_set

With ``--lists``, ``<object>_train.txt`` and ``<object>_test.txt`` name the frames of the published
split. Without, views at least 15 degrees apart are taken for training (the rule behind that split)
and all others for testing; scores are then close to, but not exactly, comparable.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from epropnp_6dof.bop import read_scene
from epropnp_6dof.datasets.lm_split import LM_NAMES, parse_frame_list, spread_views

PARTS = ("train", "test")


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data_root", type=Path, help="LineMOD in BOP layout")
    parser.add_argument("--split", default="test", help="folder with the real scenes")
    parser.add_argument("--lists", type=Path, help="folder with the published frame lists")
    return parser.parse_args()


def chosen_frames(scene: Path) -> dict[str, list[int]]:
    """Split one scene by the spread of its views; its number is the object's."""
    images = read_scene(scene)
    poses = {i.im_id: o.pose for i in images for o in i.instances if o.obj_id == int(scene.name)}
    frames = np.array(sorted(poses))
    train = spread_views(np.stack([poses[frame].rotation for frame in frames]))
    test = np.setdiff1d(np.arange(len(frames)), train)
    return {"train": frames[train].tolist(), "test": frames[test].tolist()}


def main() -> None:
    """Write both parts and say how many images they have."""
    args = parse_args()
    split: dict[str, dict[str, list[int]]] = {part: {} for part in PARTS}
    try:
        for obj_id, name in LM_NAMES.items():
            if args.lists is None:
                frames = chosen_frames(args.data_root / args.split / f"{obj_id:06d}")
            else:
                texts = {part: (args.lists / f"{name}_{part}.txt").read_text() for part in PARTS}
                frames = {part: parse_frame_list(text) for part, text in texts.items()}
            for part in PARTS:
                split[part][str(obj_id)] = frames[part]
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"create_lm_split: {error}")
    for part in PARTS:
        path = args.data_root / f"lm_{part}.json"
        path.write_text(json.dumps(split[part]))
        print(f"{path}: {sum(map(len, split[part].values()))} images")


if __name__ == "__main__":
    main()
