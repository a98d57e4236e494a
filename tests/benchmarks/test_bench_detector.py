"""The benchmark of whole detectors as a command: every stage of every detector has its time."""

import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(FOLDER))
    try:
        import bench_detector

        yield bench_detector
    finally:
        sys.path.remove(str(FOLDER))


def test_a_stage_inside_another_is_counted_once(bench):
    from detector.stages import Stopwatch

    ticks = iter([0.0, 1.0, 3.0, 7.0])
    stopwatch = Stopwatch(lambda: next(ticks))
    with stopwatch.stage("outer"), stopwatch.stage("inner"):
        pass
    assert stopwatch.seconds == {"outer": 1.0 + 4.0, "inner": 2.0}


def test_three_detectors_on_the_same_image(bench, tmp_path, monkeypatch):
    arguments = ["--batch", "1", "--repeats", "1", "--image", "96", "160", "--clock", "cpu"]
    monkeypatch.setattr(sys, "argv", ["bench_detector.py", *arguments, "--out", str(tmp_path)])
    bench.main()
    rows = json.loads((tmp_path / "detector.json").read_text())["rows"]
    names = [row["detector"] for row in rows]
    assert names == ["epropnp_r18-fpn", "fcos3d_r18-fpn", "pgd_r18-fpn"]
    for row in rows:
        missing = {stage for stage, value in row["milliseconds"].items() if value == 0}
        own = row["detector"].startswith("epropnp")
        assert missing == (set() if own else {"selection", "objects", "pose"})
        assert row["images_per_second"] > 0
        assert row["objects"] > 0
    assert (tmp_path / "detector.md").read_text().count("\n| ") == 14


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--checkpoint", "a.pth"], "1 for 3 detectors"),
        (["--file", "nothing.jpg"], "nothing.jpg: there is no such file"),
        (["--file", "nothing.jpg", "--image", "9", "9"], "--file has its own"),
    ],
)
def test_arguments_that_do_not_belong_together(bench, monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["bench_detector.py", *arguments])
    with pytest.raises(SystemExit):
        bench.parse_args()
    assert message in capsys.readouterr().err
