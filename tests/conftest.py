"""Fixtures every test may use."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
REFERENCE = Path(os.environ.get("EPROPNP_REFERENCE_DATA", REPO.parent / "shared"))


def pytest_addoption(parser):
    parser.addoption(
        "--tighten",
        type=float,
        default=1.0,
        help="divide tolerances by this number: shows the tests that are near their bounds",
    )


@pytest.fixture(autouse=True)
def _tightened_tolerances(request, monkeypatch):
    factor = request.config.getoption("--tighten")
    if factor != 1:
        from tightening import tighten

        tighten(monkeypatch, factor)


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    """Folder with reference numbers and real samples; tests that need it skip without it."""
    if not (REFERENCE / "golden").is_dir():
        pytest.skip(f"no reference data at {REFERENCE} (set EPROPNP_REFERENCE_DATA)")
    return REFERENCE


@pytest.fixture(scope="session")
def golden_file() -> Callable[[str], Path]:
    """Finds recorded numbers of the published system by file name: here first, then outside."""

    def find(name: str) -> Path:
        for folder in (REPO / "tests/golden", REFERENCE / "golden"):
            if (folder / name).is_file():
                return folder / name
        pytest.skip(f"no recorded {name} in tests/golden nor in {REFERENCE}/golden")

    return find


@pytest.fixture(scope="session")
def repo_dir() -> Path:
    """Root of the checkout."""
    return REPO
