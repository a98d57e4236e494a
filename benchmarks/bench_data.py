"""The data path at the size of nuScenes trainval, on info files replicated from a small data set.

    python benchmarks/bench_data.py data/synthetic                    # all of it
    python benchmarks/bench_data.py data/synthetic --only start --images 20000

Keyframes of the small set's info files are repeated under other tokens in a temporary folder, which
needs about 3 GB for 169,000 training images. Measured, each in a process of its own:

start     a training rank's data set and the evaluator's frames
results   merging the test results of 36,000 images and writing the results file
prepare   tools/create_data.py of the small set itself with 1 and 2 workers
loader    one pass of a config's training loader over the small set, with 1 and 2 workers

Time is that of the processors (user and system), which other work on the machine does not change
much, and of the clock. Writes ``data.json`` and ``data.md``.
"""

import argparse
import json
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from layer.report import machine

ROOT = Path(__file__).resolve().parents[1]
GROUPS = ("start", "results", "prepare", "loader")
CONFIG = ROOT / "configs/epropnp_det/epropnp-det-v2_r101-dcn-fpn_2xb6-12e_nus-mono3d.py"
TRAIN, TEST = 169_000, 36_000  # images
CAMERAS = 6
PARTS = Path(__file__).parent / "data_parts.py"


def replicate(source: Path, target: Path, split: str, images: int) -> None:
    """Info file, side file and table of a split with so many images; sensor data are linked."""
    from epropnp_det.datasets.camera_annotations import side_file_of
    from epropnp_det.datasets.image_table import write_image_table

    name = f"nuscenes_infos_{split}.pkl"
    content = pickle.loads((source / name).read_bytes())
    with side_file_of(source / name).open("rb") as file:
        header, annotations = pickle.load(file), pickle.load(file)
    frames, side = content["data_list"], {}
    copies = []
    for number in range(images // CAMERAS):
        copy = number // len(frames)
        frame = frames[number % len(frames)]
        images_of_copy = {}
        for cam_name, image in frame["images"].items():
            token = f"{copy:04d}{image['sample_data_token'][4:]}"
            side[token] = annotations[image["sample_data_token"]]
            images_of_copy[cam_name] = image | {"sample_data_token": token}
        token = f"{copy:04d}{frame['token'][4:]}"
        copies.append(frame | {"token": token, "images": images_of_copy})
    target.mkdir(parents=True, exist_ok=True)
    with (target / name).open("wb") as file:
        pickler = pickle.Pickler(file)
        pickler.fast = True  # every keyframe in full, as they are in the file of a large set
        pickler.dump({"metainfo": content["metainfo"], "data_list": copies})
    with side_file_of(target / name).open("wb") as file:
        for part in (header, side):
            pickler = pickle.Pickler(file)
            pickler.fast = True
            pickler.dump(part)
    for folder in ("samples", "sweeps", "maps"):
        link = target / folder
        if (source / folder).exists() and not link.exists():
            link.symlink_to((source / folder).absolute())
    write_image_table(target / name, target)


def measure(name: str, *arguments: object) -> dict:
    """Run one part in a process of its own."""
    command = [sys.executable, str(PARTS), name, *map(str, arguments)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    record = {"part": name, **json.loads(result.stdout.splitlines()[-1])}
    print(record, flush=True)
    return record


def prepare(source: Path, workers: int, out: Path) -> dict:
    """Processor and clock time of `tools/create_data.py`."""
    version = next(path.name for path in source.glob("v1.0-*"))
    return measure("prepare", source, version, workers, out)


def run(args: argparse.Namespace, scratch: Path) -> list[dict]:
    """All parts that were asked for."""
    records = []
    if "start" in args.only:
        root = scratch / "train"
        replicate(args.data_root, root, "train", args.images)
        records.append(measure("start", root, "train"))
        (root / "nuscenes_infos_train_images.npz").unlink()
        if args.without_table:
            records.append(measure("start", root, "train") | {"part": "start without table"})
        for file in root.glob("*.pkl"):
            file.unlink()
    if "results" in args.only:
        root = scratch / "val"
        replicate(args.data_root, root, "val", args.test_images)
        records.append(measure("frames", root, "val"))
        records.append(measure("results", root, "val", args.boxes))
    if "prepare" in args.only:
        records += [
            prepare(args.data_root, workers, scratch / f"by{workers}") for workers in (1, 2)
        ]
    if "loader" in args.only:
        records += [measure("loader", args.data_root, args.config, workers) for workers in (1, 2)]
    return records


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_root", type=Path, help="a nuScenes with info files and side files")
    parser.add_argument("--only", choices=GROUPS, nargs="+", default=GROUPS, help="what to measure")
    parser.add_argument("--images", type=int, default=TRAIN, help="of the training split")
    parser.add_argument("--test-images", type=int, default=TEST, help="of the tested split")
    parser.add_argument("--boxes", type=int, default=50, help="detections per image")
    parser.add_argument(
        "--without-table", action="store_true", help="also start from the info file itself"
    )
    parser.add_argument("--config", type=Path, default=CONFIG, help="whose loader is measured")
    parser.add_argument("--out", type=Path, default=Path("work_dirs/bench"), help="folder to write")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        records = run(args, Path(scratch))
    about = machine()
    columns = list(dict.fromkeys(key for record in records for key in record))
    lines = [", ".join(f"{key} {value}" for key, value in about.items()), ""]
    lines += ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    lines += [
        "| " + " | ".join(str(record.get(key, "")) for key in columns) + " |" for record in records
    ]
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "data.md").write_text("\n".join(lines) + "\n")
    (args.out / "data.json").write_text(json.dumps({"machine": about, "rows": records}, indent=1))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
