"""The official nuScenes evaluator on a results file, through the devkit."""

import contextlib
import io
import json
import logging
import math
import tempfile
from pathlib import Path

from mmengine.logging import print_log
from nuscenes import NuScenes
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.detection.config import config_factory
from nuscenes.eval.detection.evaluate import DetectionEval
from nuscenes.utils.splits import create_splits_scenes

from epropnp_data.errors import DatasetError

from ..datasets.preparation.tables import check_tables, open_tables, read_table
from .submission_check import check_submission

EVAL_CONFIG = "detection_cvpr_2019"
EVAL_SET_OF_VERSION = {"v1.0-mini": "mini_val", "v1.0-trainval": "val", "v1.0-test": "test"}
ERROR_NAMES = {
    "trans_err": "mATE",
    "scale_err": "mASE",
    "orient_err": "mAOE",
    "vel_err": "mAVE",
    "attr_err": "mAAE",
}
FAR_AWAY = [1e6, 1e6, 0.0]  # metres; outside every class range


def evaluate_results_file(
    result_path: str | Path,
    dataroot: str | Path,
    version: str,
    eval_set: str | None = None,
    out_dir: str | Path | None = None,
) -> dict[str, float]:
    """Score a results file with the devkit's evaluator.

    Args:
        result_path: ``results_nusc.json``.
        dataroot: data root with the tables of ``version``.
        version: nuScenes version.
        eval_set: split; ``mini_val``, ``val`` or ``test`` by version when not given.
        out_dir: where ``metrics_summary.json`` and ``metrics_details.json`` go, if anywhere.

    Returns:
        ``NDS``, ``mAP``, ``mATE``, ``mASE``, ``mAOE``, ``mAVE``, ``mAAE``; per class ``<class>/AP``
        and ``<class>/ATE`` to ``<class>/AAE`` (NaN where the task defines none);
        ``classes_present``: number of classes that have ground truth in the split, and the means
        over those classes alone, ``present/mAP`` to ``present/mAAE``.

    Raises:
        DatasetError: tables or annotations are missing, or the file does not fit the split.
    """
    result_path, dataroot = Path(result_path), Path(dataroot)
    eval_set = eval_set or EVAL_SET_OF_VERSION.get(version)
    results = read_results(result_path)
    expected = samples_of_tables(dataroot, version, eval_set)
    _refuse_invalid(result_path, results, expected, eval_set)
    nusc = open_tables(dataroot, version)
    _check_ground_truth(nusc, expected)
    with tempfile.TemporaryDirectory() as scratch:
        evaluated = result_path
        if not any(results["results"].values()):
            evaluated = _with_unmatched_box(results, Path(scratch))
        output_dir = Path(out_dir) if out_dir else Path(scratch)
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = DetectionEval(
                nusc,
                config=config_factory(EVAL_CONFIG),
                result_path=str(evaluated),
                eval_set=eval_set,
                output_dir=str(output_dir),
                verbose=False,
            )
            summary = evaluation.main(render_curves=False)
        Path(evaluation.plot_dir).rmdir()  # made by the devkit, empty without curves
    return summarise(summary, evaluation.gt_boxes)


def samples_of_tables(dataroot: str | Path, version: str, eval_set: str) -> list[str]:
    """Sample tokens of a split, read from two tables without loading the rest.

    Raises:
        DatasetError: the tables are not there, or the split is none of the devkit's.
    """
    check_tables(Path(dataroot), version)
    _check_split(eval_set, version)
    folder = Path(dataroot) / version
    names = set(create_splits_scenes()[eval_set])
    scenes = read_table(folder, "scene")
    tokens = {scene["token"] for scene in scenes if scene["name"] in names}
    samples = read_table(folder, "sample")
    return [sample["token"] for sample in samples if sample["scene_token"] in tokens]


def summarise(summary: dict, gt_boxes: EvalBoxes) -> dict[str, float]:
    """Flat metrics of the devkit's summary, with means over the classes that occur."""
    metrics = {"NDS": summary["nd_score"], "mAP": summary["mean_ap"]}
    metrics.update({ERROR_NAMES[key]: value for key, value in summary["tp_errors"].items()})
    present = {box.detection_name for box in gt_boxes.all}
    aps, errors = summary["mean_dist_aps"], summary["label_tp_errors"]
    for name in aps:
        metrics[f"{name}/AP"] = aps[name]
        for key, short in ERROR_NAMES.items():
            metrics[f"{name}/{short[1:]}"] = errors[name][key]
    metrics["classes_present"] = float(len(present))
    metrics["present/mAP"] = _mean(aps[name] for name in present)
    for key, short in ERROR_NAMES.items():
        metrics[f"present/{short}"] = _mean(errors[name][key] for name in present)
    return metrics


def format_table(metrics: dict[str, float]) -> str:
    """The official table as text: overall scores, then one line per class."""
    short = [name[1:] for name in ERROR_NAMES.values()]
    lines = [f"{name}: {metrics[name]:.4f}" for name in ("mAP", *ERROR_NAMES.values(), "NDS")]
    lines += ["", f"{'Object class':<22}" + "".join(f"{name:>8}" for name in ("AP", *short))]
    for key in metrics:
        if key.endswith("/AP"):
            name = key.split("/")[0]
            values = (metrics[f"{name}/{column}"] for column in ("AP", *short))
            lines.append(f"{name:<22}" + "".join(f"{value:>8.3f}" for value in values))
    present = int(metrics["classes_present"])
    if present < len([key for key in metrics if key.endswith("/AP")]):
        means = ", ".join(
            f"{name} {metrics[f'present/{name}']:.4f}" for name in ("mAP", *ERROR_NAMES.values())
        )
        lines += ["", f"Over the {present} classes with ground truth alone: {means}"]
    return "\n".join(lines)


def read_results(path: Path) -> dict:
    """Contents of a results file, with ``meta`` and ``results`` in it and else unchecked.

    Raises:
        DatasetError: it is missing or something else.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: no such results file. Write it with tools/test.py")
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: not a JSON file ({error}). Test again") from None
    if not isinstance(content, dict) or not {"meta", "results"} <= content.keys():
        raise DatasetError(f"{path}: no nuScenes results file (needs 'meta' and 'results')")
    return content


def _check_split(eval_set: str | None, version: str) -> None:
    if eval_set not in create_splits_scenes():
        known = ", ".join(create_splits_scenes())
        raise DatasetError(f"{eval_set!r} is no split of {version}; known are {known}")


def _refuse_invalid(path: Path, results: dict, expected: list[str], eval_set: str) -> None:
    found = check_submission(results, expected)
    errors = [item for item in found if item.is_error and item.kind != "no boxes"]
    if errors:
        first = "; ".join(f"{item.place}: {item.message}" for item in errors[:3])
        raise DatasetError(
            f"{path}: cannot be evaluated on {eval_set}, {len(errors)} errors ({first}). List all "
            f"with: python tools/check_submission.py {path} --eval-set {eval_set}"
        )
    kinds = sorted({item.kind for item in found if not item.is_error})
    if kinds:
        print_log(
            f"{path}: scored, although tools/check_submission.py warns of: {', '.join(kinds)}",
            "current",
            logging.WARNING,
        )


def _check_ground_truth(nusc: NuScenes, samples: list[str]) -> None:
    if not any(nusc.get("sample", token)["anns"] for token in samples):
        raise DatasetError(
            f"{Path(nusc.dataroot) / nusc.version}: has no annotations of these {len(samples)} "
            "samples, so they cannot be evaluated here. Write the results file with --format-only"
        )


def _with_unmatched_box(results: dict, folder: Path) -> Path:
    """Copy of an empty results file with one far box, since the devkit fails without any box."""
    token = next(iter(results["results"]))
    box = {
        "sample_token": token,
        "translation": FAR_AWAY,
        "size": [1.0, 1.0, 1.0],
        "rotation": [1.0, 0.0, 0.0, 0.0],
        "velocity": [0.0, 0.0],
        "detection_name": "car",
        "detection_score": 0.0,
        "attribute_name": "vehicle.parked",
    }
    path = folder / "results.json"
    path.write_text(json.dumps({**results, "results": {**results["results"], token: [box]}}))
    return path


def _mean(values) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan
