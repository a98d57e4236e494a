"""Fixtures every test may use."""

import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
REFERENCE = Path(os.environ.get("EPROPNP_REFERENCE_DATA", REPO.parent / "shared"))


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    """Folder with reference numbers and real samples; tests that need it skip without it."""
    if not (REFERENCE / "golden").is_dir():
        pytest.skip(f"no reference data at {REFERENCE} (set EPROPNP_REFERENCE_DATA)")
    return REFERENCE


@pytest.fixture(scope="session")
def repo_dir() -> Path:
    """Root of the checkout."""
    return REPO
