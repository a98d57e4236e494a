#!/usr/bin/env python
"""Study the layer by itself: ``python tools/toy_study.py NAME``, one core, seconds to minutes.

Writes what was measured to ``results/toy_NAME.json`` and draws it in
``docs/pictures/toy_NAME.png``; ``--plot`` only draws. What the studies say: docs/toy_studies.md.
"""

import argparse
import json
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib

from epropnp_data.whole_file import write_text
from epropnp_tools.console import say
from studies.rows import FORMAT, RESULTS, commit, machine
from studies.study import ROOT
from studies.toys import correspondences, gradient_variance, identity, smooth_evidence

STUDIES: dict[str, ModuleType] = {
    "correspondences": correspondences,
    "gradient_variance": gradient_variance,
    "identity": identity,
    "smooth_evidence": smooth_evidence,
}
PICTURES = ROOT / "docs/pictures"
DIGITS = 5


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--plot", action="store_true", help="draw the numbers there are")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder")
    parser.add_argument("--pictures", type=Path, default=PICTURES, help="folder")
    return parser.parse_args()


def rounded(value: Any) -> Any:
    """Numbers with five significant digits, also inside lists and dictionaries."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


def main() -> None:
    """Measure and draw, or draw alone."""
    args = parse_args()
    matplotlib.use("Agg")
    study = STUDIES[args.study]
    path = args.results / f"toy_{args.study}.json"
    if not args.plot:
        start = time.process_time()
        measured = rounded(study.measure())
        record = {
            "format": FORMAT,
            "study": f"toy_{args.study}",
            "title": study.TITLE,
            "commit": commit(),
            "machine": machine("cpu"),
            "cpu_seconds": round(time.process_time() - start, 1),
            "measured": measured,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(record) + "\n")
        say(f"{path}: {record['cpu_seconds']} s of CPU time")
    picture = args.pictures / f"toy_{args.study}.png"
    study.plot(json.loads(path.read_text())["measured"], picture)
    say(str(picture))


if __name__ == "__main__":
    main()
