"""Square crops: the pixels they cover, where their cells are, how images and targets follow.

Two geometries share one interface. `ContinuousCrop` is exact. `PublishedCrop` repeats the integer
arithmetic of the published code, which its checkpoints were trained with: a truncated window, no
half pixel, and a grid that moves when the crop leaves the image.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import cv2
import numpy as np

PIXEL_CENTER = 0.5  # coordinate of the first pixel's centre in the continuous convention
MAX_INTERPOLATED_STEP = 0.1  # neighbouring coordinates further apart (of the size) are an edge


class CropBox(NamedTuple):
    """Wanted crop: centre (2,) and side, continuous pixels."""

    center: np.ndarray
    size: float


class CropGrid(NamedTuple):
    """Cells of a crop: pixel (u, v) of the first one, and pixels between neighbours."""

    origin: np.ndarray
    step: float


@dataclass(frozen=True)
class BoxJitter:
    """How a crop follows from a detection.

    Attributes:
        pad: side relative to the longer side of the box.
        scale: random relative change of the side, uniform in +-scale.
        shift: random shift relative to the box's own width and height, uniform in +-shift.
        max_size: cap of the side after the random change, pixels.
    """

    pad: float = 1.5
    scale: float = 0.25
    shift: float = 0.25
    max_size: float = 640.0

    def __call__(self, box: np.ndarray, rng: np.random.Generator | None) -> CropBox:
        """Crop of a box (x, y, w, h); without a generator nothing is random."""
        x, y, w, h = (float(value) for value in box)
        center = np.array([x + w / 2, y + h / 2])
        size = max(w, h) * self.pad
        if rng is not None:
            size *= 1 + self.scale * rng.uniform(-1, 1)
            center = center + self.shift * rng.uniform(-1, 1, size=2) * (w, h)
        return CropBox(center, max(min(size, self.max_size), 1.0))


class CropGeometry(Protocol):
    """Everything that depends on pixel conventions."""

    def grid(self, box: CropBox, num_cells: int, image_shape: tuple[int, int]) -> CropGrid:
        """Cells of the crop, in the pixel convention of `intrinsics`."""

    def intrinsics(self, cam_mat: np.ndarray, pixel_center: float) -> np.ndarray:
        """Intrinsics (3, 3) that go with the grid."""

    def image(self, image: np.ndarray, box: CropBox, num_cells: int) -> np.ndarray:
        """Resample an image (H, W) or (H, W, C) bilinearly, zero outside."""

    def targets(
        self, coords: np.ndarray, mask: np.ndarray, box: CropBox, num_cells: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Resample object coordinates (H, W, 3) and mask (H, W): (n, n, 3) and (n, n) in [0, 1]."""


class ContinuousCrop:
    """Exact geometry: pixel (0, 0) has its centre at (0.5, 0.5), the window is not rounded."""

    def grid(self, box: CropBox, num_cells: int, image_shape: tuple[int, int]) -> CropGrid:
        """See `CropGeometry`; the image size does not matter."""
        step = box.size / num_cells
        return CropGrid(box.center - box.size / 2 + step / 2, step)

    def intrinsics(self, cam_mat: np.ndarray, pixel_center: float) -> np.ndarray:
        """Move the principal point to the continuous convention."""
        moved = cam_mat.copy()
        moved[:2, 2] += PIXEL_CENTER - pixel_center
        return moved

    def image(self, image: np.ndarray, box: CropBox, num_cells: int) -> np.ndarray:
        """See `CropGeometry`."""
        grid = self.grid(box, num_cells, image.shape[:2])
        first = grid.origin - PIXEL_CENTER  # OpenCV counts pixel centres from zero
        matrix = np.array([[grid.step, 0, first[0]], [0, grid.step, first[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, matrix, (num_cells, num_cells), flags=flags)

    def targets(
        self, coords: np.ndarray, mask: np.ndarray, box: CropBox, num_cells: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Bilinear inside the surface; the nearest pixel at the outline and at depth edges."""
        grid = self.grid(box, num_cells, coords.shape[:2])
        u, v = (start + grid.step * np.arange(num_cells) for start in grid.origin)
        nearest, on_object = _take(coords, mask, np.floor(v), np.floor(u))
        rows, columns = np.floor(v - PIXEL_CENTER), np.floor(u - PIXEL_CENTER)
        corners = [_take(coords, mask, rows + dv, columns + du) for dv in (0, 1) for du in (0, 1)]
        values = np.stack([value for value, _ in corners])
        smooth = on_object & np.all([known for _, known in corners], axis=0)
        size = np.ptp(coords[mask > 0], axis=0).max() if mask.any() else 0.0
        smooth &= np.ptp(values, axis=0).max(axis=-1) < MAX_INTERPOLATED_STEP * size
        part_v = (v - PIXEL_CENTER - rows)[:, None, None]
        part_u = (u - PIXEL_CENTER - columns)[None, :, None]
        top = values[0] * (1 - part_u) + values[1] * part_u
        bottom = values[2] * (1 - part_u) + values[3] * part_u
        blend = top * (1 - part_v) + bottom * part_v
        chosen = np.where(smooth[..., None], blend, nearest)
        return chosen.astype(np.float32), on_object.astype(np.float32)


class PublishedCrop:
    """Integer geometry of the published code, for its checkpoints."""

    def grid(self, box: CropBox, num_cells: int, image_shape: tuple[int, int]) -> CropGrid:
        """Grid whose origin moves by half the overhang at the left, top and bottom."""
        left, top, size = self._window(box)
        height = image_shape[0]
        center_u = 0.5 * (max(left, 0) + left + size)
        center_v = 0.5 * (max(top, 0) + min(top + size, height))
        begin = np.array([int(center_u), int(center_v)]) - size / 2
        return CropGrid(begin, size / num_cells)

    def intrinsics(self, cam_mat: np.ndarray, pixel_center: float) -> np.ndarray:
        """As given: the published code mixes the conventions."""
        return cam_mat.copy()

    def image(self, image: np.ndarray, box: CropBox, num_cells: int) -> np.ndarray:
        """Cut the window, then resize bilinearly."""
        window = self._cut(image, box)
        return cv2.resize(window, (num_cells, num_cells), interpolation=cv2.INTER_LINEAR)

    def targets(
        self, coords: np.ndarray, mask: np.ndarray, box: CropBox, num_cells: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Median filter the outline, cut; nearest coordinates under a bilinear mask."""
        masked = np.where(mask[..., None] > 0, coords, 0).astype(np.float32)
        window = self._cut(_median_outline(masked), box)
        index = np.arange(num_cells) * window.shape[0] // num_cells
        return window[index[:, None], index[None]], self.image(
            mask.astype(np.float32), box, num_cells
        )

    @staticmethod
    def _window(box: CropBox) -> tuple[int, int, int]:
        """Left, top and side; ``int`` truncates towards zero, also for negative starts."""
        left, top = (int(int(center) - int(box.size) / 2 + 0.5) for center in box.center)
        return left, top, int(box.size)

    def _cut(self, image: np.ndarray, box: CropBox) -> np.ndarray:
        left, top, size = self._window(box)
        window = np.zeros((size, size, *image.shape[2:]), dtype=image.dtype)
        rows = slice(max(top, 0), min(top + size, image.shape[0]))
        columns = slice(max(left, 0), min(left + size, image.shape[1]))
        if rows.start < rows.stop and columns.start < columns.stop:
            window[
                rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
            ] = image[rows, columns]
        return window


GEOMETRIES: dict[str, CropGeometry] = {
    "continuous": ContinuousCrop(),
    "published": PublishedCrop(),
}


def find_geometry(name: str) -> CropGeometry:
    """Geometry by its name in a config.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in GEOMETRIES:
        raise ValueError(f"geometry={name!r}: use one of {sorted(GEOMETRIES)}")
    return GEOMETRIES[name]


def _take(
    coords: np.ndarray, mask: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of an outer product of indices and whether they lie on the object."""
    height, width = mask.shape
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    r = rows.clip(0, height - 1).astype(int)[:, None]
    c = columns.clip(0, width - 1).astype(int)[None]
    known = inside & (mask[r, c] > 0)
    return np.where(known[..., None], coords[r, c], 0), known


def _median_outline(coords: np.ndarray) -> np.ndarray:
    """Replace object pixels beside background (x coordinate exactly 0) by their 3x3 median."""
    empty = coords[..., 0] == 0
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=np.uint8)
    beside = cv2.dilate(empty.astype(np.uint8), cross, borderValue=0) > 0
    outline = beside & ~empty
    filtered = cv2.medianBlur(np.ascontiguousarray(coords), 3)
    return np.where(outline[..., None], filtered, coords)
