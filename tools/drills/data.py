"""Small generated data sets and the smallest runs of both networks, kept for the next drill."""

from functools import cache
from pathlib import Path

import torch

from epropnp_mm.compat import allow_mmengine_checkpoints

from .launch import ROOT, start

STORE = ROOT / "work_dirs/drills"
DETECTOR = "configs/epropnp_det/epropnp-det-v2_r18-fpn_demo_synthetic.py"
SIXDOF = "configs/epropnp_6dof/epropnp-6dof-v2_r18_synthetic_demo.py"
RECORD_ALL = ("default_hooks.logger.interval=1", "log_processor.window_size=1")


@cache
def nuscenes_root() -> Path:
    """Two training and one validation keyframes per scene, images of 224 x 126."""
    root = STORE / "nuscenes"
    sizes = ["--scenes", "3", "--samples-per-scene", "2", "--image-scale", "0.14"]
    start(
        "create_synthetic_nuscenes", [root, *sizes, "--workers", "1"], STORE / "data.log"
    ).finish()
    arguments = ["nuscenes", "--root-path", root, "--version", "v1.0-mini"]
    start("create_data", arguments, STORE / "data.log").finish()
    return root


@cache
def bop_root() -> Path:
    """Four training and two test images of three objects."""
    root = STORE / "bop"
    arguments = [root, "--train-images", "8", "--test-images", "4"]
    start("create_synthetic_bop", arguments, STORE / "data.log").finish()
    return root


def detector_run(work_dir: Path, steps: int, *options: str) -> list[str]:
    """Arguments of ``tools/train.py`` for some steps of the small detector."""
    settings = [
        f"train_cfg.max_iters={steps}",
        "train_dataloader.batch_size=2",
        "model.bbox_head.criterion.object_sampler.num_per_img=4",
        *RECORD_ALL,
        *options,
    ]
    where = ["--data-root", str(nuscenes_root()), "--work-dir", str(work_dir)]
    return [DETECTOR, *where, "--cfg-options", *settings]


def sixdof_run(work_dir: Path, steps: int, *options: str) -> list[str]:
    """Arguments of ``tools/train.py`` for some steps of the small 6DoF network."""
    settings = [
        f"train_cfg.max_iters={steps}",
        f"train_cfg.val_interval={10 * steps}",
        "train_dataloader.batch_size=4",
        "model.init_cfg=None",
        *RECORD_ALL,
        *options,
    ]
    where = ["--data-root", str(bop_root()), "--work-dir", str(work_dir)]
    return [SIXDOF, *where, "--cfg-options", *settings]


def read_checkpoint(path: Path) -> dict:
    """Content of a checkpoint that a run wrote, by torch's safe loading."""
    allow_mmengine_checkpoints()
    return torch.load(path, weights_only=True)
