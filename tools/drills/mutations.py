"""Damage to the bytes of a file, as faulty disks, half downloads and strangers make it."""

import re

import numpy as np

TOKENS = (
    b"NaN",
    b"Infinity",
    b"-1",
    b"0",
    b"1e999",
    b"9" * 400,
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b'"../../x"',
    b'"\xff"',
)
VALUE = re.compile(rb'-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|"[^"]*"|\bnull\b')


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes of a file with one to three changes."""
    for _ in range(rng.integers(1, 4)):
        data = CHANGES[rng.integers(len(CHANGES))](data, rng)
    return data


def _place(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    """Begin and end of a short piece."""
    begin = int(rng.integers(len(data) + 1))
    return begin, min(len(data), begin + int(rng.integers(1, 33)))


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    begin, _ = _place(data, rng)
    bit = 1 << int(rng.integers(8))
    return data[:begin] + bytes(b ^ bit for b in data[begin : begin + 1]) + data[begin + 1 :]


def _overwrite(data: bytes, rng: np.random.Generator) -> bytes:
    begin, end = _place(data, rng)
    return data[:begin] + rng.bytes(end - begin) + data[end:]


def _remove(data: bytes, rng: np.random.Generator) -> bytes:
    begin, end = _place(data, rng)
    return data[:begin] + data[end:]


def _repeat(data: bytes, rng: np.random.Generator) -> bytes:
    begin, end = _place(data, rng)
    return data[:end] + data[begin:end] * int(rng.integers(1, 5)) + data[end:]


def _value(data: bytes, rng: np.random.Generator) -> bytes:
    """Another value in place of a number or text, where the file is text."""
    found = list(VALUE.finditer(data)) if b"\0" not in data else []
    if not found:
        return _overwrite(data, rng)
    chosen = found[rng.integers(len(found))]
    return data[: chosen.start()] + TOKENS[rng.integers(len(TOKENS))] + data[chosen.end() :]


CHANGES = (_cut, _flip, _overwrite, _remove, _repeat, _value, _value, _value)
