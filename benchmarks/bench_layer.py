"""Time and memory of the layer, beside the eager reference and other solvers.

    make bench
    python benchmarks/bench_layer.py --out work_dirs/bench [--threads 2] [--only "solve"]
    python benchmarks/bench_layer.py --device cuda
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
from layer.contender import Contender
from layer.timing import Metric

from epropnp import Backend, set_default_backend, warm_up
from epropnp.backends.choice import default_backend

GROUPS = ("training", "stages", "solve", "scaling", "memory", "roofline")
TINY = "tiny"  # group to try the command with


def backends(device: torch.device) -> dict[str, Backend]:
    """Every backend that can be had for a device, by name; the one with kernels first."""
    found = {}
    for name in ("triton" if device.type == "cuda" else "numba", "eager"):
        try:
            set_default_backend(name)
        except ImportError as error:
            print(f"left out: {error}")
            continue
        found[name] = default_backend()
    set_default_backend(None)
    return found


OF_A_BACKEND = {
    TINY: cases.tiny_metrics,
    "training": cases.training_metrics,
    "stages": cases.stage_metrics,
    "solve": cases.solve_metrics,
    "scaling": cases.scaling_metrics,
    "memory": memory.memory_metrics,
}
OF_A_GRAPH = {"training": cases.training_metrics, "scaling": cases.scaling_metrics}


def measure(groups: tuple[str, ...], device: torch.device) -> list[Metric]:
    """All metrics of some groups."""
    metrics: list[Metric] = []
    contenders = [Contender(n, backend, device) for n, backend in backends(device).items()]
    for contender in contenders:
        print(f"backend {contender.name}: warm-up took {warm_up(contender.backend):.1f} s")
        metrics += _of_groups(OF_A_BACKEND, groups, contender)
        if device.type == "cuda":
            graph = contender._replace(name=f"{contender.name}, CUDA graph", captured=True)
            metrics += _of_groups(OF_A_GRAPH, groups, graph)
    if "roofline" in groups:
        metrics += roofline.roofline_metrics(contenders[0])
    if "solve" in groups and device.type == "cpu":
        data = contenders[0].scene(6, 256, 128)
        near = data._replace(pose=data.pose + 0.02 * torch.randn_like(data.pose))
        metrics += alternatives.alternative_metrics(data, near)
    return metrics


def _of_groups(measures: dict, groups: tuple[str, ...], contender: Contender) -> list[Metric]:
    chosen = [metrics_of for group, metrics_of in measures.items() if group in groups]
    return [metric for metrics_of in chosen for metric in metrics_of(contender)]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("work_dirs/bench"), help="folder to write")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
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
        contender = Contender(name, default_backend(), arguments.device)
        print(memory.peak_of(tuple(map(int, work.split(","))), contender))
        return
    # before anything is written: the file may be that of the last run in the same folder
    earlier = report.read_baseline(arguments.compare) if arguments.compare else None
    metrics = measure(tuple(arguments.only), arguments.device)
    report.write(metrics, arguments.out, arguments.device)
    if earlier is not None:
        worse = report.regressions(metrics, earlier)
        print("\n".join(worse) or f"nothing slower than in {arguments.compare}")
        sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
