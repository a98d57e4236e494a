"""Time and memory of the layer on the CPU, beside the eager reference and other solvers.

    make bench
    python benchmarks/bench_layer.py --out work_dirs/bench [--threads 2] [--only "solve"]
    python benchmarks/bench_layer.py --compare baseline.json

Writes ``layer.json``, ``layer.md`` and ``layer.png``. With ``--compare`` it ends with status 1 if a
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

from epropnp import Backend, set_default_backend, warm_up
from epropnp.backends.choice import default_backend

GROUPS = ("training", "stages", "solve", "scaling", "memory", "roofline")


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


def measure(groups: tuple[str, ...]) -> list:
    """All metrics of some groups."""
    metrics, available = [], backends()
    for name, backend in available.items():
        print(f"backend {name}: warm-up took {warm_up(backend):.1f} s")
        if "training" in groups:
            metrics += cases.training_metrics(name, backend)
        if "stages" in groups:
            metrics += cases.stage_metrics(name, backend)
        if "solve" in groups:
            for dof in (4, 6):
                metrics += cases.solve_metrics(name, backend, dof, scene(dof, 256, 128))
        if "scaling" in groups:
            metrics += cases.scaling_metrics(name, backend)
        if "memory" in groups:
            metrics += memory.memory_metrics(name)
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
    parser.add_argument("--only", choices=GROUPS, nargs="+", default=GROUPS, help="groups to run")
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
    metrics = measure(tuple(arguments.only))
    report.write(metrics, arguments.out)
    if arguments.compare:
        worse = report.regressions(metrics, arguments.compare)
        print("\n".join(worse) or f"nothing slower than in {arguments.compare}")
        sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
