"""Files that others wrote: pickles of plain data alone, names that stay in a folder.

An ordinary pickle can name any function and have it called while it is read. Here the functions
that numpy arrays and numbers need are replaced by ones that check what they are given, and every
other name is refused before anything is imported.
"""

import pickle
from collections import OrderedDict
from pathlib import PurePosixPath, PureWindowsPath
from typing import IO

import numpy as np

from .errors import DatasetError

NUMERIC_KINDS = "biufcSUmM"  # of arrays: no objects, no records


class _DType:
    """A dtype as a pickle describes it."""

    def __init__(self, text: object, *_: object):
        self.dtype = np.dtype(str(text))
        if self.dtype.kind not in NUMERIC_KINDS:
            raise pickle.UnpicklingError(f"arrays of {text} are not read")

    def __setstate__(self, state: tuple) -> None:
        """Byte order; whatever else a pickle can say of a dtype is left out."""
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array(np.ndarray):
    """An array whose contents follow."""

    def __setstate__(self, state: tuple) -> None:
        """Contents as bytes."""
        _, shape, kind, is_fortran, data = state
        array = _from_bytes(data, kind, shape, "F" if is_fortran else "C")
        super().__setstate__((1, array.shape, array.dtype, False, array.tobytes()))


def _reconstruct(*_: object) -> _Array:
    return np.ndarray.__new__(_Array, (0,), "b")


def _scalar(kind: _DType, data: bytes | str) -> np.generic:
    return _from_bytes(data, kind, (1,), "C")[0]


def _from_bytes(data: bytes | str, kind: _DType, shape: tuple, order: str) -> np.ndarray:
    content = data.encode("latin1") if isinstance(data, str) else bytes(data)
    return np.frombuffer(content, kind.dtype).reshape(shape, order=order).copy()


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text encoded as {encoding} is not read")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """Old protocols write an empty text of bytes as a call."""
    return b""


_NUMPY = {
    "multiarray._reconstruct": _reconstruct,
    "multiarray.scalar": _scalar,
    "numeric._frombuffer": _from_bytes,
}
ALLOWED = {
    "numpy.ndarray": _Array,
    "numpy.dtype": _DType,
    "_codecs.encode": _encode,
    "builtins.bytes": _no_bytes,
    "__builtin__.bytes": _no_bytes,
    "collections.OrderedDict": OrderedDict,
    **{f"numpy.core.{name}": function for name, function in _NUMPY.items()},
    **{f"numpy._core.{name}": function for name, function in _NUMPY.items()},
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        """Only names that plain data need."""
        if f"{module}.{name}" not in ALLOWED:
            raise pickle.UnpicklingError(f"it would call {module}.{name}")
        return ALLOWED[f"{module}.{name}"]


def load_plain_pickle(file: IO[bytes]) -> object:
    """Next object of a pickle file: dictionaries, lists, text, numbers, numpy arrays.

    Nothing that the file names is imported or called.

    Raises:
        DatasetError: naming the file, when it is no pickle or holds anything else.
    """
    name = getattr(file, "name", "pickle")
    try:
        return _PlainUnpickler(file).load()
    except Exception as error:  # damaged pickles raise whatever their operations raise
        text = " ".join(str(error).split()) or type(error).__name__
        raise DatasetError(f"{name}: not a pickle file of plain data ({text})") from None


def inside(name: object, source: object) -> str:
    """A file name that stays in the folder it is joined to.

    Args:
        name: as read from a file.
        source: the file, for the message.

    Returns:
        The name.

    Raises:
        DatasetError: it is absolute, climbs up, or is no text.
    """
    if isinstance(name, str) and name and "\0" not in name:
        as_windows = PureWindowsPath(name)  # knows both kinds of slashes
        is_relative = not (PurePosixPath(name).is_absolute() or as_windows.anchor)
        if is_relative and ".." not in as_windows.parts:
            return name
    raise DatasetError(
        f"{source}: names the file {name!r}, which does not lie in its folder. Take the file from "
        "its publisher again, or write it anew"
    )
