"""``make lmo`` from end to end on a tiny set, and its second run."""

import json
import os
import subprocess
import sys

import pytest

from epropnp_6dof.bop import read_results
from synthetic_bop import make_bop


def run(repo_dir, folder, source):
    command = [sys.executable, "tools/lmo.py", "--quick", "--processes", "1", "--from", source]
    command += ["--work-dir", folder / "work", "--data-root", folder / "lmo"]
    command += ["--rendered", folder / "rendered"]
    result = subprocess.run(
        list(map(str, command)),
        cwd=repo_dir,
        env=dict(os.environ, OMP_NUM_THREADS="1"),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert result.returncode == 0, result.stdout[-4000:]
    return result.stdout


IDS = {1: 1, 2: 5, 3: 6}  # of the generated set, of LM-O


def with_ids_of_lmo(root):
    """Give the objects of a generated set ids that LM-O has."""
    for models in root.glob("models*"):
        for old, new in sorted(IDS.items(), reverse=True):
            (models / f"obj_{old:06d}.ply").rename(models / f"obj_{new:06d}.ply")
        infos = json.loads((models / "models_info.json").read_text())
        renamed = {str(IDS[int(key)]): info for key, info in infos.items()}
        (models / "models_info.json").write_text(json.dumps(renamed))
    for path in [*root.glob("*/*/scene_gt*.json"), *root.glob("*targets*.json")]:
        path.write_text(json.dumps(json.loads(path.read_text(), object_hook=with_new_id)))
    return root


def with_new_id(record):
    """A record with its object renamed, if it names one."""
    for key in ("obj_id", "category_id"):
        if key in record:
            record[key] = IDS[record[key]]
    return record


@pytest.mark.slow
def test_quick_run_writes_tables_pictures_and_calibration_and_is_reused(repo_dir, tmp_path):
    source = with_ids_of_lmo(make_bop(tmp_path / "source", num_train=0, num_test=2))
    output = run(repo_dir, tmp_path, source)
    assert output.index("about 1 min") < output.index("took")
    table = (tmp_path / "work" / "table.md").read_text()
    assert table.strip() in output
    for word in ("ground truth", "RANSAC PnP", "| EPro-PnP |", "AR_MSPD", "house"):
        assert word in table
    assert len(read_results(tmp_path / "work" / "epropnp" / "test" / "results_bop.csv")) <= 6
    folder = tmp_path / "work" / "report"
    report = json.loads((folder / "report.json").read_text())
    assert sum(row["count"] for row in report["recall_by_visibility"]) == 6
    assert report["uncertainty"]["spread"]["test"]["count"] <= 6
    assert set(report["uncertainty"]["calibration"]) <= {"validation"}  # too few real targets
    for item in report["pictures"]:
        assert (folder / item["file"]).is_file()
    again = run(repo_dir, tmp_path, source)
    assert again.count("reusing") == 8
    assert (tmp_path / "work" / "table.md").read_text() == table
