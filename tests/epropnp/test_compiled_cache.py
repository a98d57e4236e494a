"""When compiled code that lies on disk is used again."""

import importlib

import numpy as np
import pytest

pytest.importorskip("numba", reason="the compiled backend needs numba")

from epropnp.backends.numba_cpu import compiled, minimize


def test_every_file_with_compiled_code_is_known():
    """A kernel may be made inside a function, where the compiler knows more constants."""
    source = "def make(dof):\n    @kernel\n    def minimize(first, last): ..."
    assert compiled.COMPILED.search(source)
    assert compiled.COMPILED.search("@inlined\ndef clamp(value): ...")
    assert not compiled.COMPILED.search("from compiled import kernel\nrun(kernel, job)")


def test_constants_from_other_files_are_known():
    assert compiled.CONSTANTS.findall("from epropnp.fitting import ROUNDING_MARGIN\n") == [
        "fitting"
    ]
    assert not compiled.CONSTANTS.findall("from epropnp.backends.numba_cpu.rows import four\n")


MADE_INSIDE = """
from epropnp.backends.numba_cpu.compiled import inlined, kernel


def make(factor):
    @inlined
    def scaled(value):
        return factor * value

    @kernel
    def scale(first, last, values):
        for at in range(first, last):
            values[at] = scaled(values[at])

    return scale
"""


def test_a_kernel_made_inside_a_function_is_found_again(tmp_path, monkeypatch):
    """Made again, its parts are other objects, as they are in another process."""
    (tmp_path / "made_inside.py").write_text(MADE_INSIDE)
    monkeypatch.syspath_prepend(tmp_path)
    made_inside = importlib.import_module("made_inside")
    for factor, found in ((2.0, 0), (2.0, 1), (3.0, 0), (3.0, 1)):
        scale, values = made_inside.make(factor), np.ones(3)
        scale(0, 3, values)
        np.testing.assert_array_equal(values, factor)
        assert sum(scale.stats.cache_hits.values()) == found


def test_parts_of_a_kernel_tell_it_from_others():
    made = [*minimize.MINIMIZE.values(), *minimize.MINIMIZE_FORM.values()]
    assert len({compiled.description(each) for each in made}) == len(made)
    assert "steps.yaw_step()" in compiled.description(minimize.MINIMIZE[4])
