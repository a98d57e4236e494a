"""Inference of whole detectors: images per second, time of every stage, peak memory.

    python benchmarks/bench_detector.py                        # small EPro-PnP, FCOS3D, PGD
    python benchmarks/bench_detector.py CONFIG CONFIG --image 900 1600 --device cuda:0
    python benchmarks/bench_detector.py CONFIG CONFIG --checkpoint WEIGHTS WEIGHTS --file IMAGE

All detectors see the same image file, one of noise if none is given. Without a checkpoint each of
them works on as many objects as its config allows, which is the slowest case. Writes
``detector.json`` and ``detector.md``. Medians over batches after one to warm up; ``--clock cpu``
counts processor time instead, where the machine has other work.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

sys.path.insert(0, str(Path(__file__).parent))

from detector.networks import DEMO_IMAGE, FULL_IMAGE, SMALL, build, make_loader, write_image
from detector.stages import LOADING, REST, STAGES, Stopwatch, make_clock, watch
from layer.memory import memory_rise
from layer.report import machine

import epropnp_det  # noqa: F401 - registers its parts
import epropnp_mm  # noqa: F401 - registers its parts


class Row(NamedTuple):
    """What was measured of a detector.

    Attributes:
        detector: its name.
        images_per_second: with loading, in one process.
        milliseconds: of each of `STAGES`, per batch.
        memory: MB by which the first batch lifts the peak of memory; weights are there before.
        objects: detections per batch.
    """

    detector: str
    images_per_second: float
    milliseconds: dict[str, float]
    memory: float
    objects: int


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", nargs="*", help="config files; the studies' three if none")
    parser.add_argument("--checkpoint", nargs="+", help="weights, one for each detector")
    parser.add_argument("--file", type=Path, help="image to look at")
    parser.add_argument(
        "--image", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"), help="pixels of the noise"
    )
    parser.add_argument("--batch", type=int, default=6, help="images; six cameras if not given")
    parser.add_argument("--repeats", type=int, default=7, help="batches that are measured")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--threads", type=int, help="threads of torch; all cores if not given")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--amp", action="store_true", help="mixed precision")
    parser.add_argument("--out", type=Path, default=Path("work_dirs/bench"), help="folder to write")
    args = parser.parse_args()
    args.configs = args.configs or SMALL
    args.checkpoint = args.checkpoint or [None] * len(args.configs)
    if len(args.checkpoint) != len(args.configs):
        parser.error(f"--checkpoint: {len(args.checkpoint)} for {len(args.configs)} detectors")
    if args.file is not None and args.image is not None:
        parser.error("--image is the size of noise, --file has its own")
    if args.file is not None and not args.file.is_file():
        parser.error(f"--file {args.file}: there is no such file")
    if args.batch < 1 or args.repeats < 1:
        parser.error("--batch and --repeats must be at least 1")
    return args


def measure(cfg: Config, checkpoint: str | None, image: Path, args: argparse.Namespace) -> Row:
    """Time and memory of one detector."""
    model = build(cfg, checkpoint, args.device)
    load = make_loader(cfg, image)
    stopwatch = Stopwatch(make_clock(args.clock, args.device))
    watch(model, stopwatch)

    def run() -> int:
        with stopwatch.stage(REST):
            with stopwatch.stage(LOADING):
                batch = pseudo_collate([load() for _ in range(args.batch)])
            with torch.no_grad(), torch.autocast(args.device.type, enabled=args.amp):
                found = model.test_step(batch)
        return sum(len(sample.pred_instances_3d) for sample in found)

    memory = memory_rise(run, args.device)
    times: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for _ in range(args.repeats):
        stopwatch.seconds.clear()
        objects = run()
        for stage, values in times.items():
            values.append(1e3 * stopwatch.seconds[stage])
    milliseconds = {stage: statistics.median(values) for stage, values in times.items()}
    total = statistics.median(map(sum, zip(*times.values(), strict=True)))
    return Row(Path(cfg.filename).stem, 1e3 * args.batch / total, milliseconds, memory, objects)


def markdown(rows: list[Row], about: dict) -> str:
    """One table."""
    lines = [", ".join(f"{key} {value}" for key, value in about.items()), ""]
    lines += ["| | " + " | ".join(row.detector for row in rows) + " |"]
    lines += ["|---" * (len(rows) + 1) + "|"]
    cells = {"images/s": [f"{row.images_per_second:.1f}" for row in rows]}
    for stage in STAGES:
        cells[f"{stage}, ms"] = [f"{row.milliseconds[stage]:.1f}" for row in rows]
    cells["memory at the peak, MB"] = [f"{row.memory:.0f}" for row in rows]
    cells["detections"] = [str(row.objects) for row in rows]
    lines += ["| " + " | ".join((name, *values)) + " |" for name, values in cells.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write."""
    args = parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    size = tuple(args.image or (DEMO_IMAGE if args.configs == SMALL else FULL_IMAGE))
    configs = [Config.fromfile(path) for path in args.configs]
    with tempfile.TemporaryDirectory() as folder:
        image = args.file or write_image(Path(folder), size)
        rows = [
            measure(cfg, checkpoint, image, args)
            for cfg, checkpoint in zip(configs, args.checkpoint, strict=True)
        ]
    about = machine(args.device) | dict(
        batch=args.batch,
        image=args.file.name if args.file else "x".join(map(str, size)),
        clock=args.clock,
        amp=args.amp,
    )
    text = markdown(rows, about)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "detector.md").write_text(text)
    content = {"machine": about, "rows": [row._asdict() for row in rows]}
    (args.out / "detector.json").write_text(json.dumps(content, indent=1))
    print(text)


if __name__ == "__main__":
    main()
