"""Results of single batches on disk, so that an interrupted test need not make them again."""

import json
import shutil
from pathlib import Path

import torch

from epropnp_mm.engine.exact_checkpoint_hook import write_whole

MADE_FOR = "made_for.json"


class PartialResults:
    """Folder with a file per batch; a batch is there completely or not at all.

    Args:
        folder: to use; made if need be.
        made_for: what the results depend on; those of anything else are removed.
        types: classes besides tensors and plain values that results consist of.
    """

    def __init__(self, folder: Path, made_for: dict, types: tuple[type, ...] = ()) -> None:
        self.folder = folder
        self.types = [*types, bytes]  # an array without elements is made of no bytes
        record = folder / MADE_FOR
        if not record.is_file() or json.loads(record.read_text()) != made_for:
            shutil.rmtree(folder, ignore_errors=True)
            write_whole(record, json.dumps(made_for, indent=1).encode())

    def numbers(self) -> frozenset[int]:
        """Batches that are there."""
        return frozenset(int(path.stem) for path in self.folder.glob("*.pt"))

    def save(self, number: int, results: list[list]) -> None:
        """Keep the results of a batch, a list per metric."""
        part = self._path(number).with_suffix(".part")
        torch.save(results, part)
        part.replace(self._path(number))

    def load(self, number: int) -> list[list]:
        """Results of a batch, read by torch's safe loading."""
        with torch.serialization.safe_globals(self.types):
            return torch.load(self._path(number), weights_only=True)

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.pt"
