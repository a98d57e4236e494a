"""Views of the LineMOD split."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from epropnp_6dof.datasets.lm_split import parse_frame_list, spread_views


def test_chosen_views_are_apart_and_all_others_are_near_one():
    rotations = Rotation.random(300, rng=np.random.default_rng(0))
    chosen = spread_views(rotations.as_matrix(), min_angle_deg=40)
    picked = rotations[chosen]
    for index in range(300):
        angles = np.degrees((picked.inv() * rotations[index]).magnitude())
        if index in chosen:
            assert np.sort(angles)[1] >= 40 - 1e-9
        else:
            assert angles.min() < 40
    assert chosen[0] == 0
    assert 10 < len(chosen) < 300


def test_frame_lists_hold_numbers_or_paths():
    assert parse_frame_list("000012\n34\n\nLINEMOD/ape/JPEGImages/000056.jpg\n") == [12, 34, 56]
    with pytest.raises(ValueError, match="readme"):
        parse_frame_list("readme")
