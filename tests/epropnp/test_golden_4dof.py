"""The 4DoF layer against numbers recorded from the published system, in float64.

`python -m pytest tests/epropnp/test_golden_4dof.py -s` prints the measured differences.
"""

import pytest

from pnp_golden import CASES, excess, measure, table


@pytest.fixture(scope="module")
def reports(reference_dir):
    measured = {n: measure(reference_dir / "golden" / "pnp_4dof.npz", n) for n in CASES}
    print("\n" + table("largest relative difference, 4DoF", measured))
    return measured


@pytest.mark.parametrize("number", CASES)
def test_all_quantities_match(reports, number):
    assert len(reports[number]) == 35
    assert excess(reports[number]) == {}
