"""A generated BOP data set shared by the tests."""

import pytest
from mmengine.registry import init_default_scope

from synthetic_bop import make_bop


@pytest.fixture(scope="session")
def bop_root(tmp_path_factory):
    return make_bop(tmp_path_factory.mktemp("bop") / "synth")


@pytest.fixture(autouse=True)
def _mmdet3d_scope():
    init_default_scope("mmdet3d")
