"""The benchmark of the data path as a command, on a few images."""

import json
import sys
from pathlib import Path

from nuscenes_data import nuscenes_root

__all__ = ["nuscenes_root"]

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def test_info_files_are_replicated_and_started_from(nuscenes_root, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import bench_data
    import data_parts

    def in_this_process(name, *arguments):
        call = getattr(data_parts, name)(*map(str, arguments))
        return {"part": name, **call()}

    monkeypatch.setattr(bench_data, "measure", in_this_process)
    command = ["bench_data.py", nuscenes_root, "--only", "start", "results", "--out", tmp_path]
    command += ["--images", 60, "--test-images", 30, "--boxes", 5]
    monkeypatch.setattr(sys, "argv", list(map(str, command)))
    bench_data.main()
    start, frames, results = json.loads((tmp_path / "data.json").read_text())["rows"]
    assert 0 < start["images"] <= 60
    assert frames["images"] == results["images"] == 30
