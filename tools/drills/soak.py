"""Long runs: memory and the number of open files stay as they are."""

import os
from pathlib import Path

import numpy as np

from .data import SIXDOF, bop_root
from .frame import Case, DrillError, Outcome
from .launch import ROOT

STEPS = 2000
INFERENCES = 10_000
BATCH = 16  # crops per call of the network
EVERY = 25  # steps or calls between two looks
MAX_GROWTH = 16.0  # MiB of the last quarter over the second, in which caches have filled


class Watch:
    """Memory and open files of this process, looked at now and then."""

    def __init__(self) -> None:
        self.looks: list[tuple[float, int]] = []

    def look(self) -> None:
        """Resident memory in MiB, open files."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
        self.looks.append((memory, len(os.listdir("/proc/self/fd"))))

    def outcome(self, count: int, what: str) -> Outcome:
        """What was seen.

        Raises:
            DrillError: more memory or more files at the end than before.
        """
        quarter = len(self.looks) // 4
        (memory, files), (memory_end, files_end) = (
            np.median(part, axis=0)
            for part in (self.looks[quarter : 2 * quarter], self.looks[-quarter:])
        )
        seen = (
            f"{count} {what}: {memory:.0f} MiB and {files:.0f} open files in the second quarter, "
            f"{memory_end:.0f} and {files_end:.0f} in the last"
        )
        if memory_end > memory + MAX_GROWTH or files_end > files:
            raise DrillError(seen)
        return Outcome(seen, count, count)


def tiny_config(folder: Path):
    """The small 6DoF network made tiny, on crops of 32 pixels, in one process."""
    from mmengine.config import Config

    from epropnp_tools.cli import set_data_root

    cfg = Config.fromfile(ROOT / SIXDOF)
    set_data_root(cfg, str(bop_root()))
    cfg.work_dir = str(folder / "run")
    cfg.model.init_cfg = None
    cfg.model.criterion.update(num_points=32, pnp=dict(mc_samples=32))
    cfg.model.backbone.base_channels, cfg.model.head.in_channels = 8, 32
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        (crop,) = (step for step in loader.dataset.pipeline if step.type == "CropObject")
        crop.update(input_size=32, output_size=8)
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    cfg.train_cfg.update(max_iters=STEPS, val_interval=10 * STEPS)
    cfg.default_hooks.checkpoint.interval = STEPS // 4
    cfg.default_hooks.logger.interval = STEPS
    cfg.launcher = "none"
    return cfg


def train(cfg, watch: Watch) -> None:
    """Train, looking at the process all the time."""
    from mmengine.hooks import Hook

    from epropnp_tools.cli import build_runner

    class WatchHook(Hook):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            if self.every_n_train_iters(runner, EVERY):
                watch.look()

    runner = build_runner(cfg)
    runner.register_hook(WatchHook())
    runner.train()


def check_training(folder: Path) -> Outcome:
    """Train the tiny network."""
    import epropnp_6dof  # noqa: F401

    watch = Watch()
    train(tiny_config(folder), watch)
    return watch.outcome(STEPS, "steps")


def check_inference(folder: Path) -> Outcome:
    """Poses from images, again and again, with the weights of the first steps."""
    from mmdet3d.registry import DATASETS, MODELS
    from mmengine.registry import init_default_scope
    from mmengine.runner import save_checkpoint

    from epropnp_6dof.inference import ImageObject, load_inferencer

    init_default_scope("mmdet3d")
    cfg = tiny_config(folder)
    cfg.dump(str(folder / "config.py"))
    model = MODELS.build(cfg.model)
    save_checkpoint(dict(state_dict=model.state_dict()), str(folder / "tiny.pth"))
    infer = load_inferencer(str(folder / "config.py"), str(folder / "tiny.pth"))
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    items = [dataset.get_data_info(index % len(dataset)) for index in range(BATCH)]
    names = ("obj_id", "box", "score", "cam_mat", "coord_scale")
    targets = [ImageObject(i["img_path"], *(i[name] for name in names)) for i in items]
    watch = Watch()
    for call in range(INFERENCES // BATCH):
        infer(targets)
        if call % EVERY == 0:
            watch.look()
    return watch.outcome(INFERENCES // BATCH * BATCH, "inferences")


CASES = [
    Case(
        "a long training",
        f"{STEPS} steps of a tiny 6DoF network, checkpoints at each quarter",
        f"at most {MAX_GROWTH:g} MiB more in the last quarter than in the second, no more files",
        check_training,
    ),
    Case(
        "a long inference",
        f"{INFERENCES} crops through the same network, {BATCH} at a time",
        f"at most {MAX_GROWTH:g} MiB more in the last quarter than in the second, no more files",
        check_inference,
    ),
]
