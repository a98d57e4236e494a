"""Fixtures of the tests of what both networks share."""

import pytest
from mmengine.registry import init_default_scope


@pytest.fixture(autouse=True)
def _mmdet3d_scope():
    """Registered names are looked up as in a run: in mmdet3d first, then in its parents."""
    init_default_scope("mmdet3d")
