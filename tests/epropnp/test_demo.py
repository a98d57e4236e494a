"""Documentation and demos run as they are written."""

import re
import runpy
import subprocess
import sys

import pytest


def blocks(text):
    """Python blocks of a Markdown file with the line each starts at."""
    for match in re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield text.count("\n", 0, match.start()) + 2, match.group(1)


def test_every_code_block_of_the_layer_page_runs(repo_dir):
    """Blocks share one namespace, as a reader who types them one after the other has."""
    path = repo_dir / "docs" / "layer.md"
    found = list(blocks(path.read_text(encoding="utf-8")))
    assert len(found) >= 6
    namespace = {}
    for line, source in found:
        exec(compile("\n" * (line - 1) + source, str(path), "exec"), namespace)
    assert namespace["poses"].valid.all()


def test_the_code_of_the_page_for_users_of_the_published_layer_runs(repo_dir):
    """What it says becomes of published calls is what the layer takes."""
    path = repo_dir / "docs" / "coming_from_published.md"
    namespace = {}
    for line, source in blocks(path.read_text(encoding="utf-8")):
        exec(compile("\n" * (line - 1) + source, str(path), "exec"), namespace)
    result = namespace["result"]
    assert namespace["loss"].isfinite()
    assert result.valid.all()
    assert result.pose_opt_plus.shape == namespace["pose_opt"].shape == (2, 7)


def test_layer_page_names_what_exists(repo_dir):
    """Every `module.name` in the table from paper to code can be imported."""
    import importlib

    text = (repo_dir / "docs" / "layer.md").read_text(encoding="utf-8")
    table = text[text.index("## From the paper to the code") :]
    names = set(re.findall(r"`([a-z_]+)\.([A-Za-z_.]+)`", table))
    assert len(names) > 10
    for module, path in names:
        target = importlib.import_module(f"epropnp.{module}")
        for part in path.split("."):
            fields = getattr(target, "__dataclass_fields__", {})
            target = fields[part] if part in fields else getattr(target, part)


def test_links_of_the_layer_page(repo_dir):
    text = (repo_dir / "docs" / "layer.md").read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    for anchor in re.findall(r"\]\(#([a-z0-9-]+)\)", text):
        assert anchor in headings
    demos = re.findall(r"`(demo/[a-z_]+\.py)`", text)
    assert len(set(demos)) >= 2
    for path in demos:
        assert (repo_dir / path).is_file()


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


def test_learning_demo_sharpens_the_density(repo_dir, tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    module = runpy.run_path(str(repo_dir / "demo" / "learn_correspondences.py"), run_name="demo")
    history = module["run"](steps=25, out=tmp_path / "density.png")
    assert (tmp_path / "density.png").stat().st_size > 10_000
    assert history.losses[-1] < history.losses[0] - 2
    assert history.entropies[-1] < history.entropies[0] - 1
    assert history.errors[-1] < history.errors[0]
