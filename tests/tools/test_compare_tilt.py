"""Three ways of using a tilt on a few generated images."""

import re
import sys

import compare_tilt
import numpy as np
import pytest

from epropnp_results import ImageResult
from nuscenes_data import nuscenes_root
from result_scenes import make_image
from small_checkpoint import CONFIG, checkpoint

__all__ = ["checkpoint", "nuscenes_root"]


def test_scores_of_known_results():
    """Cars 0.5 m and a pedestrian 0.1 m off in each image; a car is missed, one is false."""
    results: list[ImageResult] = [make_image(number, 3) for number in range(2)]
    row = compare_tilt.score(results, 0.2)
    assert (row["true"], row["found"], row["false"]) == (6, 4, 2)
    assert row["position"] == pytest.approx(0.3, abs=1e-6)
    assert row["angle"] == pytest.approx(np.degrees(0.05), abs=1e-6)
    # pedestrians: 1; cars: precision 1 up to a recall of one half, 51 of 101 places
    assert row["ap"] == pytest.approx((1 + 51 / 101) / 2)
    assert compare_tilt.score(results, 0.95)["found"] == 0


def test_command_prints_a_row_for_each_way(
    repo_dir, checkpoint, nuscenes_root, monkeypatch, capsys
):
    words = ["compare_tilt", repo_dir / CONFIG, checkpoint, "--data-root", f"{nuscenes_root}/"]
    monkeypatch.setattr(sys, "argv", [str(word) for word in [*words, "--max-images", 2]])
    compare_tilt.main()
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if "found" in line]
    assert [re.split(" {2,}| pitch", row)[0] for row in rows] == list(compare_tilt.WAYS)
    assert all("pitch  0.0" in row or "pitch -0.0" in row for row in rows)
