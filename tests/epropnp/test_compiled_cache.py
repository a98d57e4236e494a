"""When compiled code that lies on disk is used again."""

import pytest

pytest.importorskip("numba", reason="the compiled backend needs numba")

from epropnp.backends.numba_cpu import compiled


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
