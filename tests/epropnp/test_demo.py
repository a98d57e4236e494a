"""Demos run as they are written."""

import runpy
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_standalone_demo_is_short_and_needs_torch_only(repo_dir):
    path = repo_dir / "demo" / "standalone_pnp.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60
    # as on a machine where nothing but torch is installed
    program = (
        "import sys, runpy\n"
        "for name in ('mmengine', 'mmcv', 'mmdet', 'mmdet3d', 'cv2', 'scipy', 'matplotlib'):\n"
        "    sys.modules[name] = None\n"
        f"module = runpy.run_path({str(path)!r})\n"
        "globals_of_module = module['main'].__globals__\n"
        "globals_of_module['NUM_OBJECTS'] = 50\n"
        "module['main']()\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "valid objects         50 of 50" in run.stdout
    assert "log evidence" in run.stdout


@pytest.mark.slow
def test_learning_demo_sharpens_the_density(repo_dir, tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    module = runpy.run_path(str(repo_dir / "demo" / "learn_correspondences.py"), run_name="demo")
    history = module["run"](steps=25, out=tmp_path / "density.png")
    assert (tmp_path / "density.png").stat().st_size > 10_000
    assert history.losses[-1] < history.losses[0] - 2
    assert history.entropies[-1] < history.entropies[0] - 1
    assert history.errors[-1] < history.errors[0]
