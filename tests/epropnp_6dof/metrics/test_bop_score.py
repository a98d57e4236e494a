"""Matching, recall and precision on hand-made cases."""

import numpy as np
import pytest

from epropnp_6dof.metrics.bop_score import (
    ErrorGroup,
    bop_average_precision,
    bop_average_recall,
    match_estimates,
)

ONE = np.array([1.0])
NOTHING = np.empty((0, 1))  # one instance, no estimate


def group(scores, errors, obj_id=1, visibility=None):
    errors = np.array(errors, dtype=float).reshape(len(scores), -1) if scores else NOTHING
    visible = np.ones(errors.shape[1]) if visibility is None else np.array(visibility)
    return ErrorGroup(obj_id, np.array(scores, dtype=float), errors, visible)


def test_better_score_chooses_first_and_an_instance_is_taken_once():
    errors = np.array([[0.3, 0.4], [0.1, 0.9]])
    np.testing.assert_array_equal(match_estimates(errors, np.array([0.9, 0.5]), 1.0), [0, 1])
    np.testing.assert_array_equal(match_estimates(errors, np.array([0.5, 0.9]), 1.0), [1, 0])
    np.testing.assert_array_equal(match_estimates(errors, np.array([0.9, 0.5]), 0.3), [-1, 0])


def test_recall_counts_only_as_many_estimates_as_instances():
    worst_first = group([0.9, 0.8], [2.0, 0.1])
    assert bop_average_recall([worst_first], ONE).mean == 0
    assert bop_average_recall([group([0.9], [0.5])], np.array([0.25, 0.5, 1.0])).mean == (
        pytest.approx(1 / 3)
    )


def test_recall_is_over_targets_and_per_object():
    groups = [group([1], [0.1]), group([1], [2.0]), group([], [], obj_id=2)]
    score = bop_average_recall(groups, ONE)
    assert score.mean == pytest.approx(1 / 3)
    assert score.per_object == {1: 0.5, 2: 0.0}


def test_precision_of_a_false_positive_between_two_hits():
    groups = [group([0.9], [0.1]), group([0.8], [2.0]), group([0.7], [0.1])]
    # recall 1/3 at precision 1, 2/3 at precision 2/3, never more
    expected = (34 * 1 + 33 * 2 / 3) / 101
    assert bop_average_precision(groups, ONE).mean == pytest.approx(expected)


def test_barely_visible_instance_is_neither_target_nor_mistake():
    groups = [group([0.9], [0.1]), group([0.95], [0.1], visibility=[0.05])]
    assert bop_average_precision(groups, ONE).mean == 1
    stray = ErrorGroup(1, np.array([0.99]), np.empty((1, 0)), np.empty(0))
    assert bop_average_precision([*groups, stray], ONE).mean == pytest.approx(0.5)
