"""Hooks that a drill adds: ``--cfg-options default_hooks.NAME.type=drills.faults.CLASS``."""

import json
import os
import signal
from pathlib import Path
from unittest.mock import patch

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from epropnp_mm.engine import FiniteGradAmpOptimWrapper


class StepRecord(Hook):
    """Writes the losses, images and number of objects of every step, one file per process."""

    priority = "LOWEST"

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: dict
    ) -> None:
        """Add a line to ``steps_RANK.jsonl`` of the work directory."""
        losses = {name: float(torch.as_tensor(value).detach()) for name, value in outputs.items()}
        images = [Path(sample.img_path).name for sample in data_batch["data_samples"]]
        entry = {"step": runner.iter, "losses": losses, "images": images}
        with Path(runner.work_dir, f"steps_{get_rank()}.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")


class ProcessFault(Hook):
    """Lets one process fail at a step: ``kind`` is "kill" (SIGKILL) or "raise"."""

    def __init__(self, kind: str, rank: int, step: int) -> None:
        self.kind, self.rank, self.step = kind, rank, step

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Fail."""
        if runner.iter != self.step or get_rank() != self.rank:
            return
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(f"drill: process {self.rank} fails at step {self.step}")


class NonFinite(Hook):
    """Puts a NaN into one step, or into each one from there on.

    Args:
        where: ``image``, ``calibration``, ``target``, ``one_object``, ``batch`` or ``weights``.
        step: first step.
        last: last step.
    """

    def __init__(self, where: str, step: int, last: int) -> None:
        self.where, self.steps = where, range(step, last + 1)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict) -> None:
        """Spoil the batch, or the weights of the model."""
        if runner.iter not in self.steps:
            return
        if self.where == "weights":
            weight = next(p for p in runner.model.parameters() if p.requires_grad)
            weight.data[(0,) * weight.dim()] = nan()
            return
        samples, inputs = data_batch["data_samples"], data_batch["inputs"]
        spoiled = range(len(samples)) if self.where == "batch" else [1]
        for index in spoiled:
            self.spoil(samples[index], inputs["img"] if isinstance(inputs, dict) else inputs, index)

    def spoil(self, sample: object, images: list, index: int) -> None:
        """Spoil one sample."""
        detector = "cam_intrinsic" in sample.metainfo_keys()
        if self.where in ("image", "batch"):
            images[index] = images[index].float()
            images[index][:, 5, 5] = nan()
        elif self.where == "calibration" and detector:
            matrix = sample.cam_intrinsic.copy()
            matrix[0, 0] = nan()
            sample.set_metainfo({"cam_intrinsic": matrix})
        elif self.where == "calibration":
            sample.crop.cam_mats[..., 0, 0] = nan()
        elif self.where == "target" and detector:
            sample.gt_instances_3d.bboxes_3d.tensor[:, 2] = nan()
        elif self.where == "target":
            sample.crop.poses_gt[..., 2] = nan()
        elif self.where == "one_object" and detector:
            sample.gt_instances_3d.bboxes_3d.tensor[0, 2] = nan()
        else:
            sample.crop.noc_gt[0, 3, 3] = nan()


class CpuAmpOptimWrapper(FiniteGradAmpOptimWrapper):
    """The wrapper of ``--amp`` with a loss scaler of the CPU, for machines without a GPU."""

    def __init__(self, optimizer: torch.optim.Optimizer, clip_grad: dict, dtype: str) -> None:
        with patch("mmengine.optim.optimizer.amp_optimizer_wrapper.is_cuda_available", bool_true):
            super().__init__(optimizer=optimizer, clip_grad=clip_grad, dtype=dtype)
        self.loss_scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)


def bool_true() -> bool:
    """Yes."""
    return True


def nan() -> float:
    """Not a number."""
    return float("nan")
