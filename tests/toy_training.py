"""A training that takes a second: a line fitted to noisy numbers, everything random in it."""

from pathlib import Path

import numpy as np
import torch
from mmdet3d.registry import DATASETS, HOOKS, MODELS
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner, set_random_seed
from mmengine.structures import BaseDataElement
from torch import nn

import epropnp_mm.registration  # noqa: F401 - registers hooks, sampler and loops
from epropnp_mm.order import SeededItems


@DATASETS.register_module()
class ToyNumbers(SeededItems, BaseDataset):
    """Numbers 0 to ``size - 1`` with noise from numpy's and torch's generators; some may be NaN."""

    METAINFO = dict(classes=("line",))

    def __init__(self, size: int = 10, bad: tuple[int, ...] = ()) -> None:
        self.size = size
        self.bad = bad
        super().__init__(serialize_data=False)

    def load_data_list(self) -> list[dict]:
        return [dict(number=float(number)) for number in range(self.size)]

    def prepare_data(self, index: int) -> dict:
        number = self.get_data_info(index)["number"]
        noise = np.random.rand() + float(torch.rand(()))  # noqa: NPY002
        sample = BaseDataElement(metainfo=dict(img_path=f"{number:g}.png"))
        number = np.nan if number in self.bad else number
        return dict(inputs=torch.tensor([number, noise]), data_samples=sample)


@MODELS.register_module()
class ToyLine(BaseModel):
    """Line with dropout and a running mean."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))

    def forward(self, inputs, data_samples=None, mode="tensor"):
        outputs = self.layers(torch.stack(inputs))
        if mode == "loss":
            return {"loss": (outputs - torch.stack(inputs).sum(1, keepdim=True)).square().mean()}
        return outputs


class PowerCut(BaseException):
    """Ends a run without anybody catching it."""


@HOOKS.register_module()
class LossRecord(Hook):
    """Keeps the loss and the items of every step; cuts the power after some steps."""

    priority = "LOWEST"

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after
        self.losses: dict[int, float] = {}
        self.items: dict[int, list[str]] = {}

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.losses[runner.iter] = float(outputs["loss"].detach())
        self.items[runner.iter] = [sample.img_path for sample in data_batch["data_samples"]]
        if self.stop_after is not None and runner.iter + 1 == self.stop_after:
            raise PowerCut


LOOPS = {
    "epoch": dict(type="ResumableEpochLoop", max_epochs=3),
    "iter": dict(type="ResumableIterLoop", max_iters=8),
}


def toy_config(work_dir: Path, loop: str, workers: int = 0, **changes: object) -> Config:
    """Config of the training: batches of 4 of 10 numbers, a checkpoint every second step."""
    loader = dict(
        batch_size=4,
        num_workers=workers,
        persistent_workers=workers > 0,
        sampler=dict(type="ResumableSampler", infinite=loop == "iter"),
        dataset=dict(type="ToyNumbers"),
    )
    config = dict(
        default_scope="mmdet3d",
        model=dict(type="ToyLine"),
        train_dataloader=loader,
        train_cfg=LOOPS[loop],
        optim_wrapper=dict(type="FiniteGradOptimWrapper", optimizer=dict(type="Adam", lr=0.01)),
        param_scheduler=[dict(type="LinearLR", by_epoch=False, begin=0, end=20)],
        default_hooks=dict(
            checkpoint=dict(
                type="ExactCheckpointHook", by_epoch=False, interval=2, max_keep_ckpts=2
            )
        ),
        custom_hooks=[dict(type="SkippedStepHook"), dict(type="LossRecord")],
        randomness=dict(seed=3),
        work_dir=str(work_dir),
        log_level="ERROR",
        experiment_name=f"toy-{work_dir.name}-{np.random.default_rng().integers(1 << 60)}",
    )
    config = Config(config)
    config.merge_from_dict(changes)
    return config


def run_toy(config: Config, resume: Path | None = None, stop_after: int | None = None) -> Runner:
    """Train to the end, or until the power is cut; the record is the last of ``runner.hooks``."""
    if resume is not None:
        config.resume, config.load_from = True, str(resume)
    config.custom_hooks[-1].stop_after = stop_after
    runner = Runner.from_cfg(config)
    try:
        runner.train()
    except PowerCut:
        pass
    finally:
        set_random_seed(0)
    return runner


def record_of(runner: Runner) -> LossRecord:
    """Losses and items of a run."""
    return next(hook for hook in runner.hooks if isinstance(hook, LossRecord))
