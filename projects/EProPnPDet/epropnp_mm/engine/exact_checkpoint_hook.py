"""Checkpoints that are whole or not there, and that training goes on from exactly."""

import os
from collections import deque
from pathlib import Path

from mmdet3d.registry import HOOKS
from mmengine.dist import all_gather_object, get_rank, get_world_size, is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from .random_state import RandomState, random_state, set_random_state

BACKEND = "whole_files"
STATES = "random_states"  # in the checkpoint, one per process


class WholeFileBackend(LocalBackend):
    """Local files that appear complete or not at all."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write beside the file, make sure it is on disk, then rename.

        Raises:
            OSError: it cannot be written; the message names the file, an older one is kept.
        """
        write_whole(Path(filepath), obj)


register_backend(BACKEND, WholeFileBackend, force=True)


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once; see `WholeFileBackend.put`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(
            error.errno, f"{path} cannot be written ({error.strerror}); what was there is kept"
        ) from error


@HOOKS.register_module()
class ExactCheckpointHook(CheckpointHook):
    """mmengine's hook with four differences; its arguments are the same.

    * Files are written whole, see `WholeFileBackend`, unless ``backend_args`` says otherwise.
    * Older checkpoints are removed when the new one is there, not before.
    * The random numbers of all processes are kept, and a resumed training goes on with them.
    * Validation leaves the random numbers of training alone.
    """

    _states: list[RandomState] | None = None  # to be saved now
    _resumed: RandomState | None = None  # to go on with
    _of_training: RandomState | None = None  # while validation runs

    def before_run(self, runner: Runner) -> None:
        """Choose how files are written."""
        if self.backend_args is None and self.file_client_args is None:
            self.backend_args = {"backend": BACKEND}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remember the random numbers to go on with."""
        if not runner._resume:
            return
        states = checkpoint.get(STATES, [])
        if len(states) == get_world_size():
            self._resumed = states[get_rank()]
            return
        runner.logger.warning(
            f"The checkpoint holds the random numbers of {len(states)} processes, this run has "
            f"{get_world_size()}: it goes on with new ones"
        )

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: object | None = None
    ) -> None:
        """Set the random numbers right before the first step, after all that prepares it."""
        if self._resumed is not None:
            set_random_state(self._resumed)
            self._resumed = None

    def before_val(self, runner: Runner) -> None:
        """Keep the random numbers of training."""
        self._of_training = random_state()

    def after_val(self, runner: Runner) -> None:
        """Go on with them."""
        set_random_state(self._of_training)
        self._of_training = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the random numbers of all processes."""
        if self._states is not None:
            checkpoint[STATES] = self._states

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        """Save, then remove what is too old; called in all processes."""
        self._states = all_gather_object(self._of_training or random_state())
        limit, too_old = self.max_keep_ckpts, []
        if limit > 0:
            kept = list(dict.fromkeys([*self.keep_ckpt_ids, step]))
            too_old = kept[:-limit]
            self.keep_ckpt_ids = deque(kept[-limit:], limit)
            runner.message_hub.update_info("keep_ckpt_ids", kept[-limit:])
        self.max_keep_ckpts = -1  # the base would remove before it saves
        try:
            super()._save_checkpoint_with_step(runner, step, meta)
        finally:
            self.max_keep_ckpts, self._states = limit, None
        for old in too_old:
            self._remove(self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(old)))

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """Save, then remove the one that was best before."""
        if not self.save_best or len(self.key_indicators) > 1:
            super()._save_best_checkpoint(runner, metrics)
            return
        before, self.best_ckpt_path = self.best_ckpt_path, None  # the base finds none to remove
        super()._save_best_checkpoint(runner, metrics)
        if self.best_ckpt_path is None:
            self.best_ckpt_path = before
        elif before is not None and before != self.best_ckpt_path:
            self._remove(before)

    def _remove(self, path: str) -> None:
        if is_main_process() and self.file_backend.isfile(path):
            self.file_backend.remove(path)
