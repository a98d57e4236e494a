"""A results folder as one HTML file that opens from disk, without network.

The program and the index come first in the file, so that the page can be used while the browser
still reads the rest: per sample one compressed block of objects, per view one image.
"""

import base64
import gzip
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO

from .. import ImageResult, ResultsError, ResultsFolder
from .pictures import THUMBNAIL, encode, encode_within, read_image
from .sample import describe_objects, describe_view

TEMPLATE = Path(__file__).with_name("template.html")
INDEX_MARK, DETAILS_MARK = "@@INDEX@@", "@@DETAILS@@"
BASE64 = 4 / 3  # bytes in the file per byte of data
MIN_IMAGE_BYTES = 2000


@dataclass(frozen=True)
class PageSettings:
    """How a page is written.

    Attributes:
        title: headline.
        max_bytes: the images are compressed so that the file stays about below.
        max_samples: only so many, evenly spread.
        min_score: weaker objects are left out.
    """

    title: str = "Results"
    max_bytes: int = 60_000_000
    max_samples: int | None = None
    min_score: float = 0.05


def write_page(
    results: ResultsFolder,
    path: Path,
    settings: PageSettings,
    progress: Callable[[Iterable], Iterable] = iter,
) -> int:
    """Write the page; it appears complete or not at all.

    Args:
        results: what to show.
        path: HTML file to write.
        settings: see `PageSettings`.
        progress: wraps the loop over the samples, tqdm for example.

    Returns:
        Number of samples in it.

    Raises:
        ResultsError: there are no results, or an image is missing.
    """
    samples = _choose(_group(results), settings.max_samples)
    if not samples:
        raise ResultsError(f"{results.path}: holds no images yet")
    classes = _classes(results, samples)
    program, between, end = _read_template()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with tempfile.TemporaryFile() as blocks:
            writer = _BlockWriter(results, classes, settings, blocks, len(samples))
            index = dict(
                title=settings.title,
                task=results.header.get("task", "detection"),
                classes=classes,
                about={k: v for k, v in results.header.items() if k not in ("classes",)},
                samples=[writer.add(sample) for sample in progress(samples)],
            )
            blocks.seek(0)
            with part.open("wb") as sink:
                sink.write((program + _script_json(index) + between).encode())
                while chunk := blocks.read(1 << 20):
                    sink.write(chunk)
                sink.write(end.encode())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return len(samples)


class _BlockWriter:
    """Writes the blocks of samples and keeps account of the bytes that are left."""

    def __init__(
        self,
        results: ResultsFolder,
        classes: list[str],
        settings: PageSettings,
        sink: IO[bytes],
        num_samples: int,
    ):
        self.results, self.classes, self.settings, self.sink = results, classes, settings, sink
        self.bytes_left = settings.max_bytes - len(TEMPLATE.read_bytes())
        self.samples_left = num_samples
        self.number = 0
        self.rung = 0  # of the last image; the next one is tried one better

    def add(self, images: list[ImageResult]) -> dict:
        """Write one sample, return its entry of the index."""
        views, objects, entries = [], [], []
        for view, result in enumerate(images):
            strong = [i for i, o in enumerate(result.objects) if o.score >= self.settings.min_score]
            arrays = {k: v[strong] for k, v in self.results.arrays(result.name).items()}
            result = _with_objects(result, strong)
            views.append(describe_view(result, f"image-{self.number}-{view}"))
            details, own = describe_objects(result, arrays, self.classes, view)
            objects += details
            entries += own
        pictures = [read_image(self.results.image_path(result)) for result in images]
        first = next((i for i, r in enumerate(images) if r.camera == "CAM_FRONT"), 0)
        entry = dict(
            name=images[0].group or images[0].name,
            views=[view["name"] for view in views],
            missed=sum(len(view["truth"] or []) for view in views)
            - sum(item.error is not None for item in entries),
            objects=list(zip(*entries, strict=True)) if entries else [],
            thumbnail=base64.b64encode(encode(pictures[first], *THUMBNAIL)).decode(),
        )
        block = gzip.compress(_compact(dict(views=views, objects=objects)).encode(), 9, mtime=0)
        used = self._write(f"objects-{self.number}", block) + len(_compact(entry))
        share = self.bytes_left / self.samples_left - used
        limit = max(share / len(pictures) / BASE64 - 100, MIN_IMAGE_BYTES)
        for view, picture in enumerate(pictures):
            name = f"image-{self.number}-{view}"
            data, self.rung = encode_within(picture, limit, max(self.rung - 1, 0))
            used += self._write(name, data)
        self.bytes_left -= used
        self.samples_left -= 1
        self.number += 1
        return entry

    def _write(self, name: str, data: bytes) -> int:
        block = (
            f'<script type="text/plain" id="{name}">{base64.b64encode(data).decode()}</script>\n'
        )
        return self.sink.write(block.encode())


def _with_objects(result: ImageResult, keep: list[int]) -> ImageResult:
    fields = vars(result) | dict(objects=[result.objects[index] for index in keep])
    return ImageResult(**fields)


def _group(results: ResultsFolder) -> list[list[ImageResult]]:
    """Images of one moment together, in order of names."""

    def key(result: ImageResult) -> tuple[str, str]:
        return (result.group or "", "" if result.group else result.name)

    images = sorted(results, key=lambda result: (*key(result), result.name))
    return [list(sample) for _, sample in groupby(images, key)]


def _choose(samples: list, count: int | None) -> list:
    if count is None or count >= len(samples):
        return samples
    return [samples[index * len(samples) // count] for index in range(count)]


def _classes(results: ResultsFolder, samples: list[list[ImageResult]]) -> list[str]:
    """Classes of the header, then whatever else occurs."""
    known = list(results.header.get("classes", []))
    boxes = [
        box
        for sample in samples
        for image in sample
        for box in [*image.objects, *(image.truth or [])]
    ]
    return known + sorted({box.label for box in boxes} - set(known))


def _read_template() -> tuple[str, str, str]:
    before, rest = TEMPLATE.read_text().split(INDEX_MARK)
    between, end = rest.split(DETAILS_MARK)
    return before, between, end


def _compact(content: object) -> str:
    return json.dumps(content, separators=(",", ":"))


def _script_json(content: object) -> str:
    """JSON that cannot end the script element it stands in."""
    return _compact(content).replace("<", "\\u003c")
