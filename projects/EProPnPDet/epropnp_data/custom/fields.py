"""Values of a JSON object, asked for one by one; what is wrong is named with file and place."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import DatasetError

SHOWN = 80  # characters of a wrong value in a message


class Entry:
    """A JSON object of a file.

    Args:
        file: the file, for messages.
        place: where it is in the file, for example ``images[3]``; empty for the whole.
        content: what stands there.
        names: of its fields; others are refused, so that a misspelt one is not overlooked.

    Raises:
        DatasetError: it is no object, or has another field.
    """

    def __init__(self, file: Path, place: str, content: object, names: Sequence[str]):
        self.file, self.place = file, place
        if not isinstance(content, dict):
            raise DatasetError(f"{file}: {place or 'content'} is {_show(content)}, not an object")
        self.content = content
        for name in content:
            if name not in names:
                near = difflib.get_close_matches(str(name), names, 1)
                hint = f"; is {near[0]!r} meant?" if near else f" ({', '.join(names)})"
                raise DatasetError(f"{file}: {self._of(name)} is no field of this format{hint}")

    def has(self, name: str) -> bool:
        """Whether a field is there and not null."""
        return self.content.get(name) is not None

    def wrong(self, name: str, expected: str) -> DatasetError:
        """The error of a value."""
        if name not in self.content:
            return DatasetError(f"{self.file}: {self._of(name)} is missing: {expected}")
        value = _show(self.content[name])
        return DatasetError(f"{self.file}: {self._of(name)} is {value}, expected {expected}")

    def text(self, name: str) -> str:
        """Text that is not empty."""
        value = self.content.get(name)
        if not isinstance(value, str) or not value:
            raise self.wrong(name, "text")
        return value

    def key(self, name: str) -> int | str:
        """Whole number or text that names something."""
        value = self.content.get(name)
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise self.wrong(name, "a whole number or text")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.content.get(name)
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def list(self, name: str) -> list:
        """A list."""
        value = self.content.get(name)
        if not isinstance(value, list):
            raise self.wrong(name, "a list")
        return value

    def number(self, name: str, low: float, high: float, whole: bool = False) -> float:
        """Number in [low, high]."""
        value = self.content.get(name)
        kinds = int if whole else int | float
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            raise self.wrong(name, f"{kind} from {low:g} to {high:g}")
        return value

    def array(self, name: str, shape: tuple[int, ...], what: str = "") -> np.ndarray:
        """Finite numbers (float64) of a shape; ``what`` explains them in the message."""
        value = self.content.get(name)
        try:
            array = np.array(value, dtype=float)
        except (TypeError, ValueError):
            array = np.zeros(0)
        if array.shape != shape or not np.isfinite(array).all():
            size = " x ".join(map(str, shape))
            raise self.wrong(name, f"{size} finite numbers" + (f", {what}" if what else ""))
        return array

    def _of(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
