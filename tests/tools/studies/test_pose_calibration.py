"""Calibration of 6DoF networks as rows and tables."""

import json

import pytest

from studies.pose_calibration import SPLITS, STEPS, calibration_row, calibration_tables


def write_report(folder, splits, error=0.1):
    numbers = {"fitted temperature": 0.71, "as predicted: log density": 5.0}
    for step in STEPS:
        for prefix in ("", "hardest, "):
            numbers |= {f"{prefix}{step}: {name}": 0.4 for name in ("50%", "90%")}
            numbers[f"{prefix}{step}: error"] = error
    found = {"calibration": dict.fromkeys(splits, numbers), "spread": {"test": {"count": 9}}}
    path = folder / "report.json"
    path.write_text(json.dumps({"uncertainty": found}))
    return path


def test_the_table_shows_the_newest_row_of_each_network(tmp_path):
    old = calibration_row("epropnp", write_report(tmp_path, SPLITS), "a", "cpu")
    new = calibration_row("epropnp", write_report(tmp_path, SPLITS, 0.2), "a", "cpu")
    table = calibration_tables([old, new])
    assert table.startswith("### 96 pixels, EPro-PnP")
    assert "0.200" in table
    assert "0.100" not in table
    assert table.count("temperature 0.71 |") == len(SPLITS)
    assert new.metrics["test; count"] == 9
    assert calibration_tables([]) == ""


def test_a_report_of_too_few_objects_gives_no_row(tmp_path):
    path = write_report(tmp_path, ["validation"])
    with pytest.raises(ValueError, match="too few objects"):
        calibration_row("epropnp", path, "a", "cpu")
