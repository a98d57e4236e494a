"""Parts of `bench_data.py`: each runs in a process of its own and prints what it took."""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from layer.memory import resident

import epropnp_det  # noqa: F401 - registers its parts
import epropnp_mm  # noqa: F401 - registers its parts


def start(root: str, split: str) -> Callable[[], dict]:
    """Build the training data set of a rank."""
    from mmdet3d.registry import DATASETS

    config = dict(
        type="NuScenesMonoDataset", data_root=root, ann_file=f"nuscenes_infos_{split}.pkl"
    )

    def call() -> dict:
        return {"images": len(DATASETS.build(config))}

    return call


def frames(root: str, split: str) -> Callable[[], dict]:
    """Read the evaluator's frames."""
    from epropnp_det.evaluation.frames import FrameTable

    return lambda: {"images": len(FrameTable(Path(root) / f"nuscenes_infos_{split}.pkl", root))}


def results(root: str, split: str, boxes: str) -> Callable[[], dict]:
    """Merge the cameras of all keyframes and write the results file."""
    from epropnp_det.evaluation import NuScenesMono3DMetric
    from epropnp_det.evaluation.boxes import GlobalBoxes

    folder = tempfile.mkdtemp()
    metric = NuScenesMono3DMetric(
        root, f"{root}/nuscenes_infos_{split}.pkl", format_only=True, out_dir=folder
    )
    rng, num = np.random.default_rng(0), int(boxes)

    def detections() -> GlobalBoxes:
        yaw = rng.uniform(-np.pi, np.pi, num)
        rotation = np.zeros((num, 3, 3))
        rotation[:, 0, 0] = rotation[:, 1, 1] = np.cos(yaw)
        rotation[:, 1, 0], rotation[:, 0, 1] = np.sin(yaw), -np.sin(yaw)
        rotation[:, 2, 2] = 1
        return GlobalBoxes(
            rng.uniform(-50, 50, (num, 3)),
            rng.uniform(1, 5, (num, 3)),
            rotation,
            rng.normal(size=(num, 2)),
            rng.uniform(size=num),
            rng.integers(0, 10, num),
            rng.integers(0, 9, num),
        )

    found = [
        ((token, cam_name), detections())
        for token in metric.frames.sample_tokens
        for cam_name in ("CAM_FRONT", "CAM_BACK", "CAM_LEFT", "CAM_RIGHT", "CAM_5", "CAM_6")
    ]

    def call() -> dict:
        metric.compute_metrics(found)
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 2**20
        return {"images": len(found), "file MB": round(size)}

    return call


def prepare(root: str, version: str, workers: str, out: str) -> Callable[[], dict]:
    """Write info files, side files and tables."""
    from epropnp_det.datasets.preparation import prepare_nuscenes

    def call() -> dict:
        Path(out).mkdir()
        prepare_nuscenes(root, version, out, workers=int(workers))
        return {"workers": int(workers)}

    return call


def loader(root: str, config: str, workers: str) -> Callable[[], dict]:
    """Read the training images of a config once, as its data loader does."""
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmengine.runner import Runner

    cfg = Config.fromfile(config)
    init_default_scope(cfg.get("default_scope", "mmdet3d"))
    settings = cfg.train_dataloader
    settings.dataset.data_root = root
    settings.num_workers, settings.persistent_workers = int(workers), False
    batches = Runner.build_dataloader(settings, seed=0)

    def call() -> dict:
        begin, images = time.perf_counter(), 0
        for batch in batches:
            images += len(batch["data_samples"])
        rate = images / (time.perf_counter() - begin)
        return {"images": images, "images/s": round(rate, 1), "workers": int(workers)}

    return call


def processor_seconds() -> float:
    """Of this process and those it has ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(kind) for kind in kinds]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    """Run one part; the last line is its record."""
    name, *arguments = sys.argv[1:]
    parts = (start, frames, results, prepare, loader)
    call = {part.__name__: part for part in parts}[name](*arguments)
    before = resident("VmHWM")
    processor, clock = processor_seconds(), time.perf_counter()
    found = call()
    found |= {
        "processor s": round(processor_seconds() - processor, 1),
        "clock s": round(time.perf_counter() - clock, 1),
        "peak MB": round(resident("VmHWM")),
        "peak before MB": round(before),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
