"""The benchmark of the layer as a command: results, and what `--compare` ends with."""

import json
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(FOLDER))
    try:
        import bench_layer

        yield bench_layer
    finally:
        sys.path.remove(str(FOLDER))


def run(bench, monkeypatch, *arguments):
    """Exit status of the command on its smallest group, and without other backends."""
    from layer import timing

    monkeypatch.setattr(timing, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(sys, "argv", ["bench_layer.py", "--only", "tiny", *map(str, arguments)])
    monkeypatch.setenv("EPROPNP_BACKEND", "eager")
    eager = {"eager": bench.backends(torch.device("cpu"))["eager"]}
    monkeypatch.setattr(bench, "backends", lambda device: eager)
    try:
        bench.main()
    except SystemExit as stop:
        return stop.code
    return 0


def scaled(source, target, factor):
    content = json.loads(source.read_text())
    for metric in content["metrics"]:
        metric["value"] *= factor
    target.write_text(json.dumps(content))


def test_a_regression_ends_with_status_one(bench, monkeypatch, tmp_path, capsys):
    assert run(bench, monkeypatch, "--out", tmp_path) == 0
    results = tmp_path / "layer.json"
    assert (tmp_path / "layer.md").read_text().count("tiny") == 1
    assert (tmp_path / "layer.png").stat().st_size > 0
    # a hundred times: a short step on a busy machine may take ten times longer than before
    scaled(results, results, 100.0)
    assert run(bench, monkeypatch, "--out", tmp_path, "--compare", results) == 0
    assert "nothing slower" in capsys.readouterr().out
    scaled(results, results, 0.01)
    assert run(bench, monkeypatch, "--out", tmp_path, "--compare", results) == 1
    assert "->" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["{}", "no JSON", '{"metrics": [{"name": "other", "value": 1}]}'])
def test_a_file_that_cannot_be_compared_with_is_refused(bench, monkeypatch, tmp_path, text):
    baseline = tmp_path / "baseline.json"
    baseline.write_text(text)
    with pytest.raises(ValueError, match="baseline"):
        run(bench, monkeypatch, "--out", tmp_path, "--compare", baseline)
