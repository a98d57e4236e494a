"""The 4DoF layer against numbers recorded from the published system, in float64.

`python -m pytest tests/epropnp/test_golden_4dof.py -s` prints the measured differences.
"""

import pytest

from pnp_float32 import float32_error
from pnp_golden import CASES, excess, fast_mode_costs, measure, table


@pytest.fixture(scope="module")
def reports(golden_file):
    measured = {n: measure(golden_file("pnp_4dof.npz"), n) for n in CASES}
    print("\n" + table("largest relative difference, 4DoF", measured))
    return measured


@pytest.mark.parametrize("number", CASES)
def test_all_quantities_match(reports, number):
    assert len(reports[number]) == 35
    assert excess(reports[number]) == {}


def test_fast_mode_is_as_good_as_the_full_solver_where_the_published_one_is_not(golden_file):
    path = golden_file("pnp_4dof.npz")
    failed = 0
    for number in CASES:
        costs = fast_mode_costs(path, number)
        assert (costs["safe"] <= 1.02 * costs["recorded"]).all()
        assert (costs["safe"] <= costs["start"]).all()
        failed += (costs["published"] > 1.02 * costs["recorded"]).sum().item()
    assert failed == 8  # of 13 objects


@pytest.mark.parametrize("number", CASES)
def test_float32_poses_are_close_to_the_recorded_float64_ones(golden_file, number):
    assert float32_error(golden_file("pnp_4dof.npz"), number) < 1
