#!/usr/bin/env python
"""Test a model: ``python tools/test.py CONFIG CHECKPOINT [--show-dir DIR] [--tta] [--amp]``.

The arguments are those of mmdet3d's tool. Results files (``results_nusc.json``, KITTI's, or
``detections.json``) and scores go to the work directory, with ``--tta`` to its folder ``tta``,
unless the config's evaluator has an ``out_dir``. A test that was interrupted goes on from the
results of single batches that it kept there. ``--eval-json FILE`` scores a nuScenes results file
that exists, without any model. Several processes: tools/dist_test.sh.
"""

import argparse
import subprocess
import sys
from functools import partial
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict
from mmengine.model import is_model_wrapper
from mmengine.runner.amp import autocast
from torch import nn
from tqdm import tqdm

from epropnp_6dof.dataset_results import write_dataset_results as write_pose_results
from epropnp_det.evaluation import evaluate_results_file, format_table
from epropnp_det.evaluation.frames import FrameTable
from epropnp_det.evaluation.submission import RESULTS_NAME
from epropnp_det.inference import Detector3D, write_dataset_results
from epropnp_mm.compat import is_main_process
from epropnp_mm.engine import check_checkpoint
from epropnp_results import ResultsError, explore_command
from epropnp_tools.cli import UsageError, add_run_arguments, build_runner, load_config, plain_errors
from epropnp_tools.resumable_test import make_resumable

WRITING_EVALUATORS = (  # have out_dir and format_only
    "NuScenesMono3DMetric",
    "Mono3DMetric",
    "KittiMonoMetric",
    "BOPPoseMetric",
)


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description="Test a 3D detector")
    add_run_arguments(parser)
    parser.add_argument("checkpoint", nargs="?", help="checkpoint of the config's model")
    parser.add_argument(
        "--show",
        action="store_true",
        help="draw keyframes into pictures/ beside the results: six cameras and from above",
    )
    parser.add_argument(
        "--show-dir", help="draw each image (6DoF: each object) with its results there"
    )
    parser.add_argument("--score-thr", type=float, default=0.1, help="lowest score shown")
    parser.add_argument(
        "--format-only", action="store_true", help="write the results file, do not score it"
    )
    parser.add_argument(
        "--tta", action="store_true", help="solve the image and its mirror image together"
    )
    parser.add_argument(
        "--results-dir", help="write results, pose densities and truth there, for tools/explore.py"
    )
    parser.add_argument(
        "--amp",
        action="store_true",
        help="mixed precision, float16 on a GPU, bfloat16 on a CPU; the PnP layer stays in float32",
    )
    parser.add_argument("--eval-json", metavar="FILE", help="score this results file")
    args = parser.parse_args()
    if (args.checkpoint is None) == (args.eval_json is None):
        parser.error("give either a checkpoint or --eval-json FILE")
    if args.results_dir is not None and (args.tta or args.checkpoint is None):
        parser.error("--results-dir needs a checkpoint, and explains single views: leave out --tta")
    if args.amp and args.checkpoint is None:
        parser.error("--amp needs a checkpoint")
    return args


def enable_tta(cfg: Config) -> None:
    """Wrap the model and read several views of each image.

    Raises:
        UsageError: when the config does not say how.
    """
    missing = [key for key in ("tta_model", "tta_pipeline") if not cfg.get(key)]
    if missing:
        raise UsageError(f"--tta: the config has no {' and no '.join(missing)}")
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)


def enable_amp(cfg: Config) -> None:
    """Run the network under autocast; its type is that of the device."""
    cfg.test_cfg = ConfigDict(cfg.get("test_cfg") or {}, fp16=True)


def evaluators(cfg: Config) -> list[ConfigDict]:
    """The config's test evaluators, one or several."""
    found = cfg.test_evaluator
    return list(found) if isinstance(found, list | tuple) else [found]


def is_ours(evaluator: ConfigDict) -> bool:
    """Whether an evaluator is one of this project's."""
    return evaluator.type.split(".")[-1] in WRITING_EVALUATORS


def nuscenes_evaluator(cfg: Config, option: str) -> ConfigDict:
    """The evaluator that an option is about.

    Raises:
        UsageError: there is none, for example in a 6DoF config.
    """
    for evaluator in evaluators(cfg):
        if evaluator.type.split(".")[-1] == "NuScenesMono3DMetric":
            return evaluator
    others = ", ".join(evaluator.type for evaluator in evaluators(cfg))
    raise UsageError(f"{option} needs a NuScenesMono3DMetric; this config is tested by {others}")


def direct_results(cfg: Config, format_only: bool, tta: bool) -> None:
    """Say where our evaluators write and whether they score; what the config says stays.

    Results of ``--tta`` go into a folder ``tta`` of their own, beside those of the plain run.

    Raises:
        UsageError: ``--format-only`` with an evaluator that writes no results file.
    """
    writing = [each for each in evaluators(cfg) if is_ours(each)]
    if format_only and not writing:
        raise UsageError(f"--format-only needs one of {', '.join(WRITING_EVALUATORS)}")
    for evaluator in writing:
        folder = Path(evaluator.get("out_dir") or cfg.work_dir)
        evaluator.out_dir = str(folder / "tta" if tta else folder)
        evaluator.format_only = format_only or evaluator.get("format_only", False)


def table_version(evaluator: ConfigDict) -> str:
    """Version of the tables that an evaluator's split was made from."""
    return FrameTable(evaluator.ann_file, evaluator.data_root).version


def evaluate_file(cfg: Config, path: str) -> None:
    """Score a results file on the split of the config's test evaluator."""
    evaluator = nuscenes_evaluator(cfg, "--eval-json")
    metrics = evaluate_results_file(
        path,
        evaluator.data_root,
        table_version(evaluator),
        evaluator.get("eval_set"),
        evaluator.get("out_dir") or cfg.work_dir,
    )
    print(format_table(metrics))


def draw(evaluator: ConfigDict, folder: Path, score_thr: float) -> None:
    """Draw the results file of the test with tools/visualize.py."""
    command = [sys.executable, str(Path(__file__).with_name("visualize.py"))]
    results = Path(evaluator.out_dir) / RESULTS_NAME
    command += [str(results), "--version", table_version(evaluator)]
    command += ["--dataroot", evaluator.data_root, "--out-dir", str(folder)]
    subprocess.run([*command, "--score-thr", str(score_thr)], check=True)


def draw_images(cfg: Config, folder: str, score_thr: float) -> None:
    """Let the config's visualizer draw each sample of the test; needs no tables of a data set."""
    hook = dict(type="DrawResultsHook", interval=1, score_thr=score_thr, out_dir=folder)
    cfg.custom_hooks = [*cfg.get("custom_hooks", []), hook]


def run(args: argparse.Namespace, cfg: Config) -> None:
    """Test a checkpoint, and draw if asked."""
    drawn = nuscenes_evaluator(cfg, "--show") if args.show else None
    if args.show_dir is not None:
        draw_images(cfg, args.show_dir, args.score_thr)
    direct_results(cfg, args.format_only, args.tta)
    cfg.load_from = args.checkpoint
    if args.tta:
        enable_tta(cfg)
    if args.amp:
        enable_amp(cfg)
    if all(is_ours(evaluator) for evaluator in evaluators(cfg)):
        make_resumable(cfg, args.checkpoint, evaluators(cfg))
    runner = build_runner(cfg)
    check_checkpoint(runner.model, args.checkpoint, strict=True)
    runner.test()
    if drawn is not None and is_main_process():
        draw(drawn, Path(drawn.out_dir) / "pictures", args.score_thr)
    if args.results_dir is not None and is_main_process():
        network = runner.model.module if is_model_wrapper(runner.model) else runner.model
        explain(cfg, args, network)


def explain(cfg: Config, args: argparse.Namespace, network: nn.Module) -> None:
    """Write a results folder of the test split.

    Raises:
        UsageError: the network has no poses to explain, or the folder holds other results.
    """
    progress = partial(tqdm, unit="image")
    written = (cfg, args.results_dir, args.checkpoint, progress)
    try:
        with autocast(enabled=args.amp):
            if cfg.model.type == "EProPnPDet":
                infer = Detector3D(cfg, args.checkpoint, default_device(), args.score_thr)
                write_dataset_results(infer, *written)
            elif cfg.model.type == "DensePoseEstimator":
                write_pose_results(network, *written)
            else:
                raise UsageError(f"--results-dir: {cfg.model.type} has no pose density to explain")
    except ResultsError as error:
        raise UsageError(str(error)) from None
    page = explore_command(Path(args.results_dir), Path(cfg.test_dataloader.dataset.data_root))
    print(f"results are in {args.results_dir}; a page: {page}")


def default_device() -> str:
    """The first GPU, or the CPU."""
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def main() -> None:
    """Test."""
    args = parse_args()
    with plain_errors():
        cfg = load_config(args)
        if args.eval_json:
            evaluate_file(cfg, args.eval_json)
        else:
            run(args, cfg)


if __name__ == "__main__":
    main()
