"""Results as JSON and as a markdown table, and their comparison with earlier ones."""

import json
import platform
import subprocess
from pathlib import Path

import torch

from layer.cases import PUBLISHED
from layer.plots import plot
from layer.timing import Metric


def machine(device: torch.device | None = None) -> dict[str, str | int]:
    """What the numbers were measured on, with the GPU if it is one."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout
    gpu = {}
    if device is not None and device.type == "cuda":
        gpu["GPU"] = torch.cuda.get_device_name(device)
    return gpu | {
        "processor": names[0] if names else platform.processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "commit": commit.strip(),
    }


def write(metrics: list[Metric], folder: Path, device: torch.device) -> None:
    """Write ``layer.json``, ``layer.md`` and the plots into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    about = machine(device)
    content = {"machine": about, "metrics": [metric._asdict() for metric in metrics]}
    (folder / "layer.json").write_text(json.dumps(content, indent=1))
    (folder / "layer.md").write_text(markdown(metrics, about))
    plot(metrics, folder)
    print(f"wrote layer.json, layer.md and plots to {folder}")


def markdown(metrics: list[Metric], about: dict[str, str | int]) -> str:
    """One table of everything."""
    lines = [", ".join(f"{key} {value}" for key, value in about.items()), ""]
    lines += ["| what | median | quartiles apart | result |", "|---|---|---|---|"]
    for metric in metrics:
        name = metric.name.replace("|", "·")
        spread = f"{metric.spread:.2f}" if metric.spread else ""
        extra = [metric.error or ""]
        for case, published in PUBLISHED.items():
            on_cpu = "GPU" not in about
            if on_cpu and case in metric.name and metric.name.startswith("training"):
                extra.append(f"published layer {published:.0f} ms: {published / metric.value:.1f}x")
        result = "; ".join(filter(None, extra))
        lines.append(f"| {name} | {metric.value:.2f} {metric.unit} | {spread} | {result} |")
    return "\n".join(lines) + "\n"


def read_baseline(path: Path) -> dict[str, float]:
    """Values of an earlier run, by the names of their metrics.

    Raises:
        ValueError: the file is no result of this benchmark.
    """
    try:
        records = json.loads(path.read_text())["metrics"]
        return {record["name"]: record["value"] for record in records}
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a layer.json of this benchmark: {error!r}") from None


def regressions(metrics: list[Metric], earlier: dict[str, float]) -> list[str]:
    """What became slower or larger than its tolerance allows, in words.

    Raises:
        ValueError: nothing that was measured was measured before.
    """
    common = [metric for metric in metrics if metric.name in earlier]
    if not common:
        raise ValueError("the baseline has none of the metrics of this run: other groups (--only)")
    return [
        f"{m.name}: {earlier[m.name]:.2f} -> {m.value:.2f} {m.unit}"
        for m in common
        if m.value > earlier[m.name] * (1.0 + m.rel_tol)
    ]
