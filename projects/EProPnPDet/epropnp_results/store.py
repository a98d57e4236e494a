"""The folder of results: ``results.json``, and per image a JSON record and an array file."""

import hashlib
import json
import os
import re
import shlex
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from .records import ImageResult, from_json, to_json

FORMAT = "epropnp-results"
VERSION = 1
HEADER_NAME = "results.json"
FOLDER = "images"
DAMAGED_ARCHIVE = (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile)
DAMAGED_ARCHIVE += (zlib.error,)  # RuntimeError: encrypted, or packed in an unknown way


class ResultsError(RuntimeError):
    """A results folder that cannot be read or gone on with."""


def explore_command(results: Path, images: Path) -> str:
    """Command that makes a page of results.

    Args:
        results: folder of the results.
        images: folder or file that the images were read from.
    """
    words = ["tools/explore.py", str(results)]
    folder = images.absolute() if images.is_dir() else images.absolute().parent
    if not _is_below(folder, Path.cwd()):
        words += ["--image-root", str(folder)]
    return shlex.join(words)


class ResultsFolder:
    """Results of many images, written one by one.

    An image is done when its record is there: arrays are written before it, and both appear
    complete or not at all, so that an interrupted run goes on where it stopped.

    Args:
        path: the folder.
        image_roots: where images may lie besides this folder and the current one, since results may
            come from others.

    Raises:
        ResultsError: it holds no results, or those of another format.
    """

    def __init__(self, path: str | Path, image_roots: Iterable[Path] = ()):
        self.path = Path(path)
        self.image_roots = [self.path, Path.cwd(), *image_roots]
        self.header = _read_json(self.path / HEADER_NAME)
        if self.header.get("format") != FORMAT or self.header.get("version") != VERSION:
            raise ResultsError(
                f"{self.path / HEADER_NAME}: format {self.header.get('format')!r} version "
                f"{self.header.get('version')!r}; this program reads {FORMAT!r} version {VERSION}"
            )

    @classmethod
    def create(
        cls, path: str | Path, header: dict, image_roots: Iterable[Path] = ()
    ) -> "ResultsFolder":
        """Make the folder, or go on with the one that is there.

        Args:
            path: the folder.
            header: ``task`` ("detection" or "pose"), ``classes`` and whatever else decides the
                results: a folder is only gone on with under an equal header.
            image_roots: where images may lie besides this folder and the current one.

        Raises:
            ResultsError: the folder holds results that were made otherwise.
        """
        path = Path(path)
        header = json.loads(json.dumps({"format": FORMAT, "version": VERSION, **header}))
        file = path / HEADER_NAME
        if file.exists():
            there = _read_json(file)
            if different := sorted(
                key for key in {**header, **there} if header.get(key) != there.get(key)
            ):
                key = different[0]
                raise ResultsError(
                    f"{file}: was made with {key} = {there.get(key)!r}, now it is "
                    f"{header.get(key)!r}. Choose another folder, or remove this one"
                )
        else:
            (path / FOLDER).mkdir(parents=True, exist_ok=True)
            _write_bytes(file, json.dumps(header, indent=1).encode())
        return cls(path, image_roots)

    def write(self, result: ImageResult, arrays: Mapping[str, np.ndarray] | None = None) -> None:
        """Keep one image.

        Args:
            result: its record.
            arrays: per name an array whose first axis counts ``result.objects``; the names are
                those of ``docs/results_folder.md``.

        Raises:
            ValueError: an array does not fit the objects.
        """
        for name, array in (arrays or {}).items():
            if len(array) != len(result.objects):
                raise ValueError(
                    f"{result.name}: array {name!r} is for {len(array)} objects, "
                    f"there are {len(result.objects)}"
                )
        base = self._base(result.name)
        if arrays:
            part = base.with_suffix(f".{os.getpid()}.part")
            with part.open("wb") as sink:
                np.savez_compressed(sink, **arrays)
            part.replace(base.with_suffix(".npz"))
        _write_bytes(base.with_suffix(".json"), json.dumps(to_json(result)).encode())

    def has(self, name: str) -> bool:
        """Whether an image is done."""
        return self._base(name).with_suffix(".json").exists()

    def __len__(self) -> int:
        return len(self._files())

    def __iter__(self) -> Iterator[ImageResult]:
        """Records, in the order of their file names."""
        for path in self._files():
            try:
                yield from_json(_read_json(path))
            except ValueError as error:
                raise ResultsError(f"{path}: {error}") from None

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """Arrays of an image, empty where there are none.

        Raises:
            ResultsError: the file is damaged, or holds other things than numbers.
        """
        path = self._base(name).with_suffix(".npz")
        if not path.exists():
            return {}
        try:
            with np.load(path, allow_pickle=False) as content:
                return dict(content)
        except DAMAGED_ARCHIVE as error:
            raise ResultsError(
                f"{path}: is no array file ({error}). Remove it with its .json, and infer again"
            ) from None

    def image_path(self, result: ImageResult) -> Path:
        """Image file of a record.

        Raises:
            ResultsError: it lies in none of ``image_roots``.
        """
        path = Path(os.path.abspath(self.path / result.image))
        if any(_is_below(path, root) for root in self.image_roots):
            return path
        raise ResultsError(
            f"{self._base(result.name)}.json: names the image {result.image}, outside of the "
            "results and of the current folder. If you trust these results, allow it: "
            f"--image-root {shlex.quote(str(path.parent))}"
        )

    def _files(self) -> list[Path]:
        return sorted((self.path / FOLDER).glob("*.json"))

    @staticmethod
    def key(name: str) -> str:
        """File name, without ending, for what belongs to an image."""
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        safe = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[-100:].strip("-")
        return f"{safe}-{digest}"

    def _base(self, name: str) -> Path:
        return self.path / FOLDER / self.key(name)


def _read_json(path: Path) -> dict:
    if not path.is_file():
        raise ResultsError(
            f"{path}: no such file. A results folder is written by demo/infer_images.py or by "
            "tools/test.py --results-dir"
        )
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ResultsError(f"{path}: is not JSON ({error})") from None
    if not isinstance(content, dict):
        raise ResultsError(f"{path}: holds {type(content).__name__}, expected an object")
    return content


def _is_below(path: Path, root: Path) -> bool:
    """Whether a path lies in a folder by its name, whatever links it holds."""
    return path.is_relative_to(os.path.abspath(root))


def _write_bytes(path: Path, content: bytes) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)
