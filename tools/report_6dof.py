#!/usr/bin/env python
r"""Look behind the scores of a 6DoF network: visibility, examples, uncertainty.

    python tools/report_6dof.py CONFIG CHECKPOINT --results "EPro-PnP=work_dirs/x/test" \
        --data-root data/lmo --fit-root data/lmo_rendered --out-dir work_dirs/report

Writes recall against visibility for each result file, pictures of good, typical and worst poses,
and how far the pose distribution is to be trusted: coverage of credible regions and log density of
the true pose before and after a temperature and split conformal levels, and whether the predicted
spread tells the error. They are fitted on half of the validation images of ``--fit-root`` for the
other half, on all of them for the test images, and on half of the test images for the other half.
``report.json`` holds the numbers; ``--row NAME`` adds them to ``results/pose_calibration.json``.
"""

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from tqdm import tqdm

from epropnp_6dof.bop import read_results, read_targets
from epropnp_6dof.datasets.coordinate_cache import CoordinateCache
from epropnp_6dof.evaluation.beliefs import Beliefs, collect_beliefs
from epropnp_6dof.evaluation.bop_evaluation import Truth, evaluate_estimates, select_targets
from epropnp_6dof.evaluation.pose_metric import RESULT_NAME, BOPPoseMetric
from epropnp_6dof.evaluation.trust import (
    CORRECT,
    compare_splits,
    risk_by_spread,
    spread_numbers,
)
from epropnp_6dof.explained_results import QUANTITY, truth_box
from epropnp_6dof.inference import ImageObject, PoseInferencer, load_inferencer
from epropnp_6dof.visualization.curves import (
    plot_calibration,
    plot_recall_by_visibility,
    plot_risk,
)
from epropnp_6dof.visualization.poses import draw_poses
from epropnp_data.images.reading import read_image
from epropnp_results.analysis import Calibration
from epropnp_results.analysis.temperature import ALL
from studies.pose_calibration import calibration_row
from studies.rows import add_new_row
from studies.study import DEVICES

TEMPERATURES = [2.0 ** (step / 2) for step in range(-6, 9)]  # 1/8 to 16
PICTURES = {"good": 0.02, "typical": 0.5, "worst": 0.98}  # quantile of the error
NUM_PICTURES = 2  # of each kind
PICTURE_VISIBILITY = 0.4


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config")
    parser.add_argument("checkpoint")
    parser.add_argument("--results", action="append", required=True, metavar="TITLE=FOLDER")
    parser.add_argument("--data-root", help="of the test split, instead of the config's")
    parser.add_argument("--fit-root", help="of the validation split, instead of the config's")
    parser.add_argument("--out-dir", type=Path, required=True)
    parser.add_argument("--row", metavar="NAME", help="of a row of results to add")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="of the training, in it")
    parser.add_argument(
        "--save-calibration", action="store_true", help="save the temperature beside CHECKPOINT"
    )
    return parser.parse_args()


def read_config(args: argparse.Namespace) -> Config:
    """Config with the data roots of the arguments."""
    cfg = Config.fromfile(args.config)
    for root, part in ((args.data_root, "test"), (args.fit_root, "val")):
        if root is not None:
            cfg[f"{part}_dataloader"].dataset.data_root = root
            cfg[f"{part}_evaluator"].data_root = root
    return cfg


def read_truths(metric: BOPPoseMetric) -> list[Truth]:
    """Targets of the test, in the order of the evaluation."""
    truths = metric.load_truths()
    if metric.targets is None:
        return select_targets(truths, None)
    return select_targets(truths, read_targets(metric.data_root / metric.targets))


def target_errors(folder: Path, truths: list[Truth], models: dict) -> np.ndarray:
    """ADD(-S) of each target in diameters, infinite where it was missed."""
    path = folder / RESULT_NAME
    counts: dict = {}
    for truth in truths:
        counts[truth.key] = counts.get(truth.key, 0) + 1
    errors = evaluate_estimates(read_results(path), truths, models, counts).errors
    return np.array([error.add_s / error.diameter for error in errors])


def draw_examples(
    inferencer: PoseInferencer,
    truths: list[Truth],
    errors: np.ndarray,
    metric: BOPPoseMetric,
    out_dir: Path,
) -> list[dict]:
    """Draw good, typical and worst poses of well visible objects."""
    visible = [i for i, t in enumerate(truths) if t.visib_fract >= PICTURE_VISIBILITY]
    order = sorted(visible, key=lambda i: errors[i])
    meshes = CoordinateCache(metric.data_root / metric.models_dir, None)
    models = metric.load_models({truth.obj_id for truth in truths})
    drawn = []
    for kind, quantile in PICTURES.items():
        middle = round(quantile * (len(order) - 1))
        first = int(np.clip(middle - NUM_PICTURES // 2, 0, max(len(order) - NUM_PICTURES, 0)))
        for number, index in enumerate(order[first : first + NUM_PICTURES]):
            truth = truths[index]
            target = _image_object(truth, models[truth.obj_id])
            found, solver = inferencer([target]), inferencer.model.solver
            box = truth_box(truth.obj_id, truth.pose, models[truth.obj_id])
            image = read_image(target.image_path)
            picture = draw_poses(image, target, found, solver, models, meshes, [box])
            name = f"{kind}_{number}.png"
            cv2.imwrite(str(out_dir / name), picture)
            drawn.append(
                dict(file=name, im_id=truth.im_id, obj_id=truth.obj_id, error=float(errors[index]))
            )
    return drawn


def _image_object(truth: Truth, model) -> ImageObject:
    instance = next(
        i for i in truth.image.instances if i.obj_id == truth.obj_id and i.pose is truth.pose
    )
    return ImageObject(
        truth.image.path, truth.obj_id, instance.bbox_obj, 1.0, truth.cam_mat, model.coord_scale
    )


def beliefs_of(cfg: Config, part: str, inferencer: PoseInferencer) -> Beliefs:
    """Beliefs about the annotated objects of a split."""
    loader = Runner.build_dataloader(cfg[f"{part}_dataloader"])
    evaluator = dict(cfg[f"{part}_evaluator"])
    evaluator.pop("type")
    metric = BOPPoseMetric(**evaluator)
    models = metric.load_models({truth.obj_id for truth in metric.load_truths()})
    progress = tqdm(loader, f"beliefs, {part}", unit="batch")
    return collect_beliefs(inferencer.model, progress, models, TEMPERATURES)


def report_uncertainty(
    cfg: Config, inferencer: PoseInferencer, out_dir: Path, checkpoint: str | None
) -> dict:
    """Fit the temperature on the validation split, describe both splits, draw.

    Args:
        cfg: config with both splits.
        inferencer: the network.
        out_dir: for the pictures.
        checkpoint: the temperature is saved beside it; None saves nothing.
    """
    fit, test = (beliefs_of(cfg, part, inferencer) for part in ("val", "test"))
    report = {
        "spread": {"validation": spread_numbers(fit), "test": spread_numbers(test)},
        "calibration": compare_splits(fit, test, TEMPERATURES),
    }
    if "validation to test" not in report["calibration"]:
        print("too few objects have a pose for a calibration: none is fitted, drawn or saved")
        return report
    best = report["calibration"]["validation to test"]["fitted temperature"]
    if checkpoint is not None:
        found = Calibration({QUANTITY: {ALL: best}}, {}, int(fit.valid.sum()))
        print(f"calibration saved as {found.save_beside(checkpoint)}")
    levels = {
        "as predicted": test.level[test.valid, TEMPERATURES.index(1.0)],
        f"temperature {best:.2g}": test.level[test.valid, TEMPERATURES.index(best)],
    }
    plot_calibration(out_dir / "calibration.png", levels)
    plot_risk(out_dir / "risk_coverage.png", risk_by_spread(test), "wrong (ADD(-S) 0.1 d)")
    return report


def main() -> None:
    """Write the report."""
    args = parse_args()
    runs = dict(item.split("=", 1) for item in args.results)
    init_default_scope("mmdet3d")
    cfg = read_config(args)
    try:
        inferencer = load_inferencer(args.config, args.checkpoint)
        evaluator = dict(cfg.test_evaluator)
        evaluator.pop("type")
        metric = BOPPoseMetric(**evaluator)
        truths = read_truths(metric)
        models = metric.load_models({truth.obj_id for truth in truths})
        errors = {t: target_errors(Path(folder), truths, models) for t, folder in runs.items()}
    except (OSError, ValueError) as error:
        sys.exit(f"report_6dof: {error}")
    args.out_dir.mkdir(parents=True, exist_ok=True)
    visibility = np.array([truth.visib_fract for truth in truths])
    correct = {title: found < CORRECT for title, found in errors.items()}
    rows = plot_recall_by_visibility(
        args.out_dir / "recall_by_visibility.png", visibility, correct, "ADD(-S) 0.1 d"
    )
    last = list(errors.values())[-1]
    saved = args.checkpoint if args.save_calibration else None
    report = {
        "recall_by_visibility": rows,
        "pictures": draw_examples(inferencer, truths, last, metric, args.out_dir),
        "uncertainty": report_uncertainty(cfg, inferencer, args.out_dir, saved),
    }
    text = json.dumps(report, indent=1)
    path = args.out_dir / "report.json"
    path.write_text(text)
    print(text)
    if args.row is not None:
        try:
            add_new_row(calibration_row(args.row, path, cfg.pretty_text, args.device))
        except ValueError as error:
            sys.exit(f"report_6dof: no row: {error}")


if __name__ == "__main__":
    main()
