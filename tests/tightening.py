"""Tightens the tolerances of a run: `pytest --tighten 3` shows the tests near their bounds.

What passes there keeps a distance to its bound on other processors, whose sums run in another
order. Bounds that are written as plain comparisons are not seen.
"""

import numpy as np
import pytest
import torch
from torch.testing._comparison import default_tolerances


def tighten(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    """Divide the tolerances of `approx`, `assert_close` and `assert_allclose` by ``factor``."""
    approx, close, allclose = pytest.approx, torch.testing.assert_close, np.testing.assert_allclose

    def tight_approx(expected, rel=None, abs=None, nan_ok=False):
        rel = 1e-6 if rel is None and abs is None else rel
        abs = 1e-12 if abs is None else abs
        return approx(expected, None if rel is None else rel / factor, abs / factor, nan_ok)

    def tight_close(actual, expected, *, rtol=None, atol=None, **options):
        if rtol is None and torch.is_tensor(actual):
            rtol, atol = default_tolerances(actual, expected)
        if rtol is not None:
            rtol, atol = rtol / factor, atol / factor
        close(actual, expected, rtol=rtol, atol=atol, **options)

    def tight_allclose(actual, desired, rtol=1e-7, atol=0, *args, **options):
        allclose(actual, desired, rtol / factor, atol / factor, *args, **options)

    monkeypatch.setattr(pytest, "approx", tight_approx)
    monkeypatch.setattr(torch.testing, "assert_close", tight_close)
    monkeypatch.setattr(np.testing, "assert_allclose", tight_allclose)
