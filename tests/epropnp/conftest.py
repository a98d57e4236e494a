"""Tests of the layer run once per backend.

The modules named here are about the arithmetic as a whole and run with each backend in one pass.
All others run with the automatic choice, or with what ``EPROPNP_BACKEND=eager make test`` asks for.
Without a GPU the kernels of Triton are interpreted.
"""

import importlib.util
import os

import pytest
import torch

from epropnp import set_default_backend

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read when triton is imported
EACH = {"test_golden_4dof", "test_golden_6dof", "test_solvers", "test_evidence", "test_amis"}


def pytest_generate_tests(metafunc):
    if metafunc.module.__name__.split(".")[-1] in EACH:
        metafunc.fixturenames.append("backend_name")
        metafunc.parametrize("backend_name", ["eager", "numba"], indirect=True)


@pytest.fixture
def backend_name(request):
    """Makes a backend the default one."""
    if request.param == "numba" and importlib.util.find_spec("numba") is None:
        pytest.skip("the compiled backend needs numba")
    set_default_backend(request.param)
    yield request.param
    set_default_backend(None)
