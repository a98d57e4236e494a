"""Let tools/test.py keep its results batch by batch, so that an interrupted test goes on."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config, ConfigDict

FOLDER = "partial_results"  # beside the results of the test
CHUNK = 1 << 20


def make_resumable(cfg: Config, checkpoint: str, evaluators: Sequence[ConfigDict]) -> None:
    """Test by a `ResumableTestLoop`, where that is possible.

    That is with loaders that test one item after the other, in batches of mmengine's own. What is
    kept is used again for the same bytes of the checkpoint and the same settings only.

    Args:
        cfg: changed in place.
        checkpoint: file that will be tested; one that is none is left to the loader.
        evaluators: of the test, all of them with ``out_dir`` and known results.
    """
    loader = cfg.test_dataloader
    sequential = loader.sampler.type == "DefaultSampler" and not loader.sampler.get("shuffle", True)
    if not sequential or "batch_sampler" in loader or not Path(checkpoint).is_file():
        return
    fp16 = (cfg.get("test_cfg") or {}).get("fp16", False)
    settings = repr([cfg.model, loader, list(evaluators), cfg.get("randomness"), fp16])
    loader.pop("drop_last", None)
    loader.batch_sampler = dict(type="DealtBatchSampler")
    cfg.test_cfg = dict(
        type="ResumableTestLoop",
        folder=str(Path(evaluators[0].out_dir) / FOLDER),
        made_for=dict(
            checkpoint=file_digest(Path(checkpoint)),
            settings=hashlib.sha256(settings.encode()).hexdigest(),
        ),
        fp16=fp16,
    )


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
