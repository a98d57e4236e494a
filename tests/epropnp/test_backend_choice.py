import importlib.metadata
import importlib.util
import subprocess
import sys

import pytest

from epropnp import (
    EagerBackend,
    EProPnP4DoF,
    LMSolver,
    default_backend,
    set_default_backend,
    warm_up,
)
from epropnp.backends import choice


@pytest.fixture(autouse=True)
def restored():
    yield
    set_default_backend(None)
    choice._named.cache_clear()


def test_the_environment_decides(monkeypatch):
    monkeypatch.setenv("EPROPNP_BACKEND", "eager")
    assert type(default_backend()) is EagerBackend
    assert type(EProPnP4DoF().backend) is EagerBackend
    assert type(LMSolver().backend) is EagerBackend


def test_automatic_choice_takes_kernels_where_numba_is(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.delenv("EPROPNP_BACKEND", raising=False)
    assert type(default_backend()).__name__ == "NumbaBackend"


@pytest.mark.parametrize(
    ("installed", "has_gpu", "expected"),
    [
        ({"numba"}, True, "NumbaBackend"),
        ({"numba", "triton"}, False, "NumbaBackend"),
        ({"numba", "triton"}, True, "ByDevice"),
        ({"triton"}, True, "TritonBackend"),
        (set(), True, "EagerBackend"),
    ],
)
def test_automatic_choice(monkeypatch, installed, has_gpu, expected):
    for name in installed:
        pytest.importorskip(name, "3.6" if name == "triton" else None)
    monkeypatch.delenv("EPROPNP_BACKEND", raising=False)
    monkeypatch.setattr(choice, "_installed", installed.__contains__)
    monkeypatch.setattr(choice, "_has_gpu", lambda: has_gpu)
    choice._named.cache_clear()
    assert type(default_backend()).__name__ == expected


@pytest.mark.parametrize(
    ("version", "usable"),
    [("3.2.0", False), ("3.7.0", True), ("3.10.1+git12", True), (None, False)],
)
def test_an_older_triton_counts_as_none(monkeypatch, version, usable):
    """Torch for CUDA brings the triton of its time along."""

    def version_of(name):
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(importlib.metadata, "version", version_of)
    assert choice._installed("triton") is usable


@pytest.mark.parametrize(("name", "extra"), [("numba", "fast"), ("triton", "gpu")])
def test_a_missing_compiler_is_named(monkeypatch, name, extra):
    monkeypatch.setattr(choice, "_installed", lambda name: False)
    choice._named.cache_clear()
    with pytest.raises(ImportError, match=rf"{name}.*epropnp\[{extra}\]"):
        set_default_backend(name)


def test_a_set_backend_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("EPROPNP_BACKEND", "auto")
    mine = EagerBackend(chunk=7)
    set_default_backend(mine)
    assert EProPnP4DoF().backend is mine
    set_default_backend("eager")
    assert default_backend() is not mine


def test_an_unknown_name_is_refused(monkeypatch):
    monkeypatch.setenv("EPROPNP_BACKEND", "cuda")
    with pytest.raises(ValueError, match=r"'cuda'.*'eager'.*EPROPNP_BACKEND"):
        default_backend()


def test_the_choice_is_logged_once(monkeypatch, caplog):
    monkeypatch.setenv("EPROPNP_BACKEND", "eager")
    choice._named.cache_clear()
    with caplog.at_level("INFO", logger="epropnp"):
        default_backend()
        default_backend()
    assert caplog.text.count("eager backend") == 1


def test_compilers_are_loaded_by_the_layer_only_when_they_are_used():
    code = "import sys, epropnp; sys.exit('numba' in sys.modules or 'triton' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_warming_up_leaves_nothing_to_compile():
    pytest.importorskip("numba")
    from epropnp.backends.numba_cpu import sample_cost

    set_default_backend("numba")
    assert warm_up() > 0
    signatures = sample_cost.sample_values.signatures
    assert signatures
    warm_up()
    assert sample_cost.sample_values.signatures == signatures
    assert warm_up(EagerBackend()) == 0
