"""List everything in a nuScenes results file that the official devkit refuses to score.

    python tools/check_submission.py results_nusc.json --dataroot data/nuscenes --version v1.0-test

Exit code 0: it scores the file (there may be warnings), 1: it refuses the file.
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

from epropnp_data.errors import DatasetError
from epropnp_det.evaluation.official import EVAL_SET_OF_VERSION, samples_of_tables
from epropnp_det.evaluation.submission_check import Violation, check_submission


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="results_nusc.json")
    parser.add_argument("--dataroot", default="data/nuscenes", help="data root with the tables")
    parser.add_argument("--version", default="v1.0-test", choices=sorted(EVAL_SET_OF_VERSION))
    parser.add_argument("--eval-set", help="split, when it is not the version's usual one")
    parser.add_argument(
        "--max-per-kind", type=int, default=0, help="print at most so many of a kind (0: all)"
    )
    return parser.parse_args()


def report(violations: list[Violation], max_per_kind: int) -> None:
    """Print the violations, kind by kind."""
    kinds = defaultdict(list)
    for violation in violations:
        kinds[violation.kind, violation.is_error].append(violation)
    for (kind, is_error), found in kinds.items():
        print(f"{'error' if is_error else 'warning'}: {kind} ({len(found)})")
        for violation in found[: max_per_kind or None]:
            print(f"  {violation.place}: {violation.message}")


def read_json(path: Path) -> object:
    """Contents of a file.

    Raises:
        DatasetError: it is missing or no JSON.
    """
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or f"not a JSON file ({error})"
        raise DatasetError(f"{path}: {reason}") from None


def main() -> None:
    """Check the file and set the exit code."""
    args = parse_args()
    eval_set = args.eval_set or EVAL_SET_OF_VERSION[args.version]
    try:
        content = read_json(args.results)
        expected = samples_of_tables(args.dataroot, args.version, eval_set)
    except DatasetError as error:
        sys.exit(f"check_submission: {error}")
    violations = check_submission(content, expected)
    report(violations, args.max_per_kind)
    errors = sum(violation.is_error for violation in violations)
    print(f"{args.results}: {errors} errors, {len(violations) - errors} warnings ({eval_set})")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
