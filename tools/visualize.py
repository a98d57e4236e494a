"""Draw a results file: six camera images and a bird's-eye view per keyframe.

    python tools/visualize.py results_nusc.json --dataroot data/nuscenes --version v1.0-mini

Predictions are orange, ground truth blue; the front of each box is filled.
"""

import argparse
import sys
from pathlib import Path

import cv2
from tqdm import tqdm

from epropnp_data.errors import DatasetError
from epropnp_det.datasets.preparation.tables import check_tables, open_tables
from epropnp_det.evaluation.official import read_results
from epropnp_det.evaluation.submission import from_records
from epropnp_det.evaluation.submission_check import check_submission
from epropnp_det.visualization import draw_keyframe, ground_truth


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="results_nusc.json")
    parser.add_argument("--dataroot", type=Path, default=Path("data/nuscenes"))
    parser.add_argument("--version", default="v1.0-mini", help="version of the tables")
    parser.add_argument("--out-dir", type=Path, default=Path("work_dirs/pictures"))
    parser.add_argument("--score-thr", type=float, default=0.2, help="lowest score that is drawn")
    parser.add_argument("--max-samples", type=int, default=20, help="draw at most so many, evenly")
    parser.add_argument("--no-truth", action="store_true", help="draw the predictions alone")
    return parser.parse_args()


def evenly(tokens: list[str], count: int) -> list[str]:
    """At most ``count`` of the tokens, spread over all of them."""
    step = max(1, -(-len(tokens) // count))
    return tokens[::step]


def checked_results(args: argparse.Namespace, content: dict, known: set[str]) -> dict:
    """Boxes of a results file by sample.

    Raises:
        DatasetError: it belongs to other data, or holds what is no box.
    """
    results = content["results"]
    tokens = known & set(results) if isinstance(results, dict) else set()
    found = check_submission(content, sorted(tokens))
    unknown = [item for item in found if item.kind == "unknown sample"]
    if unknown:
        raise DatasetError(
            f"{args.results}: {len(unknown)} of its samples are not in {args.version} of "
            f"{args.dataroot}. Pass the data root and version that were tested"
        )
    errors = [item for item in found if item.is_error and item.kind != "no boxes"]
    if errors:
        raise DatasetError(
            f"{args.results}: {errors[0].place}: {errors[0].message} ({len(errors)} errors; list "
            "them with tools/check_submission.py)"
        )
    return results


def draw(args: argparse.Namespace) -> None:
    """Write the pictures.

    Raises:
        DatasetError: the data root, the results file or an image is missing.
    """
    check_tables(args.dataroot, args.version)
    content = read_results(args.results)
    nusc = open_tables(args.dataroot, args.version)
    results = checked_results(args, content, {sample["token"] for sample in nusc.sample})
    args.out_dir.mkdir(parents=True, exist_ok=True)
    for index, token in enumerate(tqdm(evenly(list(results), args.max_samples), unit="picture")):
        boxes = from_records(results[token])
        truth = None if args.no_truth else ground_truth(nusc, token)
        boxes = boxes.select(boxes.scores >= args.score_thr)
        picture = draw_keyframe(nusc, token, boxes, truth)
        cv2.imwrite(str(args.out_dir / f"{index:03d}_{token[:8]}.jpg"), picture)
    print(f"pictures are in {args.out_dir}")


def main() -> None:
    """Draw, or say in one line why that is not possible."""
    try:
        draw(parse_args())
    except DatasetError as error:
        sys.exit(f"visualize: {error}")


if __name__ == "__main__":
    main()
