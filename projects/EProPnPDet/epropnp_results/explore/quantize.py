"""Arrays as few bytes for a page: integers between the least and the largest value."""

import base64

import numpy as np


def quantize(array: np.ndarray, bits: int) -> dict:
    """Array as JSON: ``shape``, ``low``, ``high``, ``bits`` and base64 ``data``, little endian.

    Args:
        array: finite numbers of any shape.
        bits: 8 or 16 per number; the error is at most half of (high - low) / (2^bits - 1).

    Raises:
        ValueError: another number of bits.
    """
    if bits not in (8, 16):
        raise ValueError(f"bits must be 8 or 16, got {bits}")
    array = np.nan_to_num(np.asarray(array, dtype=float))
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    steps = 2**bits - 1
    scaled = (array - low) * (steps / (high - low)) if high > low else np.zeros_like(array)
    packed = np.rint(scaled).astype(f"<u{bits // 8}").tobytes()
    return dict(
        shape=list(array.shape),
        low=low,
        high=high,
        bits=bits,
        data=base64.b64encode(packed).decode(),
    )


def restore(packed: dict) -> np.ndarray:
    """Inverse of `quantize`, to the accuracy of its bits; the page has the same function."""
    codes = np.frombuffer(base64.b64decode(packed["data"]), dtype=f"<u{packed['bits'] // 8}")
    steps = 2 ** packed["bits"] - 1
    values = packed["low"] + codes * ((packed["high"] - packed["low"]) / steps)
    return values.reshape(packed["shape"])
