"""What is behind the objects: photographs and procedural pictures."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..bop.render import random_backdrop

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}
PACKAGED = {  # photographs that come with packages, by their folder there
    "skimage": (
        "data",
        "astronaut brick camera chelsea clock_motion coffee coins grass gravel motorcycle_left "
        "motorcycle_right page rocket",
    ),
    "sklearn": ("datasets/images", "china flower"),
}
PROCEDURAL = 0.3  # share of procedural pictures where there are photographs
LARGEST = 1024  # pixels; larger photographs are reduced once
GREY = 0.15  # share of pictures without colour


class BackgroundError(ValueError):
    """A folder without usable pictures; the message names it."""


class Backgrounds:
    """Random pictures of any size.

    Args:
        paths: photographs; none leaves the procedural ones.

    Raises:
        BackgroundError: for a file that is no picture.
    """

    def __init__(self, paths: list[Path]) -> None:
        self.photos = [_read(path) for path in paths]

    def __call__(self, rng: np.random.Generator, shape: tuple[int, int]) -> NDArray:
        """(H, W, 3) RGB in [0, 1], linear in nothing: as stored."""
        if not self.photos or rng.random() < PROCEDURAL:
            return random_backdrop(rng, shape).astype(np.float32)
        photo = self.photos[rng.integers(len(self.photos))]
        picture = _random_cut(photo, shape, rng)
        if rng.random() < 0.5:
            picture = picture[:, ::-1]
        picture = picture[..., rng.permutation(3)]
        if rng.random() < GREY:
            picture = np.repeat(picture.mean(axis=-1, keepdims=True), 3, axis=-1)
        return (np.ascontiguousarray(picture) / 255).astype(np.float32)


def photographs_in(folder: Path) -> list[Path]:
    """Pictures below a folder.

    Raises:
        BackgroundError: if there is none.
    """
    paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        kinds = ", ".join(sorted(SUFFIXES))
        raise BackgroundError(
            f"{folder}: no picture ({kinds}) in it; give a folder with photographs, or leave "
            "--backgrounds out to use those that installed packages carry"
        )
    return paths


def packaged_photographs() -> list[Path]:
    """Photographs of scikit-image and scikit-learn, as far as they are installed."""
    found = []
    for package, (folder, names) in PACKAGED.items():
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            root = Path(spec.submodule_search_locations[0]) / folder
            found += [p for name in names.split() for p in sorted(root.glob(f"{name}.*"))]
    return [path for path in found if path.suffix.lower() in SUFFIXES]


def _read(path: Path) -> NDArray:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise BackgroundError(f"{path}: not a readable picture; remove it from the folder")
    scale = LARGEST / max(picture.shape[:2])
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return picture[..., ::-1]


def _random_cut(photo: NDArray, shape: tuple[int, int], rng: np.random.Generator) -> NDArray:
    """Cut of the wanted aspect ratio, between 60 and 100 % of the largest one, resized."""
    height, width = shape
    scale = min(photo.shape[0] / height, photo.shape[1] / width) * rng.uniform(0.6, 1)
    rows, columns = max(int(height * scale), 1), max(int(width * scale), 1)
    top = rng.integers(photo.shape[0] - rows + 1)
    left = rng.integers(photo.shape[1] - columns + 1)
    cut = np.ascontiguousarray(photo[top : top + rows, left : left + columns])
    return cv2.resize(cut, (width, height), interpolation=cv2.INTER_LINEAR)
