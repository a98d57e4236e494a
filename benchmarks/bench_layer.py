"""Time and memory of the layer on the CPU, beside the eager reference and other solvers.

    make bench
    python benchmarks/bench_layer.py --out work_dirs/bench [--threads 2] [--only "solve"]
    python benchmarks/bench_layer.py --compare baseline.json

Writes ``layer.json``, ``layer.md`` and plots. With ``--compare`` it ends with status 1 if a
median grew by more than its tolerance (25 %). Medians of at least seven calls after two to warm up;
run it on an otherwise idle machine.
"""

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

from layer import alternatives, cases, memory, report, roofline
from layer.problems import scene
from layer.timing import Metric

from epropnp import Backend, set_default_backend, warm_up
from epropnp.backends.choice import default_backend

GROUPS = ("training", "stages", "solve", "scaling", "memory", "roofline")
TINY = "tiny"  # group to try the command with


def backends() -> dict[str, Backend]:
    """Every backend that can be had, by name."""
    found = {}
    for name in ("numba", "eager"):
        try:
            set_default_backend(name)
        except ImportError as error:
            print(f"left out: {error}")
            continue
        found[name] = default_backend()
    set_default_backend(None)
    return found


def solve_metrics(name: str, backend: Backend) -> list[Metric]:
    """Solves with both kinds of pose."""
    return [
        metric
        for dof in (4, 6)
        for metric in cases.solve_metrics(name, backend, dof, scene(dof, 256, 128))
    ]


OF_A_BACKEND = {
    TINY: cases.tiny_metrics,
    "training": cases.training_metrics,
    "stages": cases.stage_metrics,
    "solve": solve_metrics,
    "scaling": cases.scaling_metrics,
    "memory": lambda name, backend: memory.memory_metrics(name),
}


def measure(groups: tuple[str, ...]) -> list[Metric]:
    """All metrics of some groups."""
    metrics, available = [], backends()
    for name, backend in available.items():
        print(f"backend {name}: warm-up took {warm_up(backend):.1f} s")
        for group, metrics_of in OF_A_BACKEND.items():
            if group in groups:
                metrics += metrics_of(name, backend)
    fastest = next(iter(available))
    if "roofline" in groups:
        metrics += roofline.roofline_metrics(fastest, available[fastest])
    if "solve" in groups:
        data = scene(6, 256, 128)
        near = data._replace(pose=data.pose + 0.02 * torch.randn_like(data.pose))
        metrics += alternatives.alternative_metrics(data, near)
    return metrics


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("work_dirs/bench"), help="folder to write")
    parser.add_argument("--threads", type=int, help="threads of torch; all cores if not given")
    parser.add_argument(
        "--only", choices=(*GROUPS, TINY), nargs="+", default=GROUPS, help="groups to run"
    )
    parser.add_argument("--compare", type=Path, help="layer.json of an earlier run")
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.peak:
        name, work = arguments.peak
        set_default_backend(name)
        print(memory.peak_of(tuple(map(int, work.split(","))), default_backend()))
        return
    # before anything is written: the file may be that of the last run in the same folder
    earlier = report.read_baseline(arguments.compare) if arguments.compare else None
    metrics = measure(tuple(arguments.only))
    report.write(metrics, arguments.out)
    if earlier is not None:
        worse = report.regressions(metrics, earlier)
        print("\n".join(worse) or f"nothing slower than in {arguments.compare}")
        sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
