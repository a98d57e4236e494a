"""The Python code of the pages runs as it stands, and tables name what there is."""

import importlib
import re

import cv2
import numpy as np
import pytest
from mmdet3d.registry import (
    DATASETS,
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    TRANSFORMS,
    VISBACKENDS,
    VISUALIZERS,
)

import epropnp
import epropnp_det  # noqa: F401 - registers
from doc_pages import ROOT, blocks, pages, run
from small_checkpoint import write_checkpoint

LAYER_PAGES = ("layer", "layer_starts", "layer_distribution", "layer_costs")


@pytest.fixture(autouse=True)
def _nothing_to_compile(monkeypatch):
    monkeypatch.setenv("EPROPNP_BACKEND", "eager")


def test_pages_of_the_layer():
    """They share one namespace: each says which one it goes on from."""
    namespace = {}
    for name in LAYER_PAGES:
        run(f"docs/{name}.md", namespace)
    assert namespace["poses"].valid.all()


def test_page_for_users_of_the_published_layer():
    """What it says becomes of published calls is what the layer takes."""
    namespace = run("docs/coming_from_published.md", {})
    result = namespace["result"]
    assert namespace["loss"].isfinite()
    assert result.valid.all()
    assert result.pose_opt_plus.shape == namespace["pose_opt"].shape == (2, 7)


def test_walkthrough_of_the_layer():
    """What its sentences say is what comes out."""
    names = run("docs/walkthrough_layer.md", {})
    truth = names["pose_true"]
    assert (names["solution"].pose_opt - truth)[:, :3].abs().max() < 0.05
    spread = names["solution"].pose_cov[0].diagonal().sqrt()
    assert spread[2] > 3 * spread[:2].max()
    assert names["fewer"].entropy > names["sharp"] + 1
    off = names["off"]
    assert off(names["held"]) < off(names["pulled"]) / 2
    gradient = names["weights"].grad[0]
    assert gradient[:10].mean() > max(0, gradient[10:].mean())
    assert (names["share"] < 0.05).all()
    assert off(names["found"]) < off(names["pulled"]) / 2


def test_walkthrough_of_inference(tmp_path, monkeypatch):
    """In a folder that has what `make demo` leaves, with a network of random weights."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    text = (ROOT / "docs/walkthrough_inference.md").read_text()
    found = re.search(r'config = "(.*)"\ncheckpoint = "(.*)"\nphoto = "(.*)"', text)
    config, weights, photo = found.groups()
    for path in (weights, photo):
        (tmp_path / path).parent.mkdir(parents=True)
    write_checkpoint(ROOT / config, tmp_path / weights)
    coarse = np.random.default_rng(0).integers(0, 255, (12, 20, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / photo), cv2.resize(coarse, (448, 252)))
    monkeypatch.chdir(tmp_path)
    names = run("docs/walkthrough_inference.md", {})
    count = len(names["found"].result.objects)
    assert count > 0
    assert names["strongest"].shape == (count,)
    exec(blocks("docs/inference.md", "python")[0].text, names)  # same names, another threshold
    assert len(names["found"].result.objects) >= count
    assert cv2.imread("found.jpg").shape[0] >= 252
    assert len(names["results"]) == 1


def test_every_public_name_of_the_layer_is_in_the_reference():
    text = "".join(path.read_text() for path in (ROOT / "docs/api").glob("*.md"))
    listed = re.findall(r"^::: epropnp\.(\w+)$", text, re.MULTILINE)
    assert set(epropnp.__all__) == set(listed) - {"marginals"}
    assert len(listed) == len(set(listed))


def test_types_in_configs_are_registered():
    """Every `type="Name"` of a block, but those that its page defines."""
    parts = (MODELS, DATASETS, TRANSFORMS, METRICS, HOOKS, LOOPS, VISUALIZERS, VISBACKENDS)
    checked = 0
    for page in pages():
        text = "".join(block.text for block in blocks(page, "python"))
        for name in set(re.findall(r'type="([\w.]+)"', text)):
            found = any(part.get(name) for part in parts)
            assert found or f"class {name}(" in text, (page, name)
            checked += 1
    assert checked > 5


@pytest.mark.parametrize("page", pages())
def test_files_in_sentences_exist(page):
    for word in re.findall(r"(?<!`)`([^`\s]+)`(?!`)", (ROOT / page).read_text()):
        path = re.match(
            r"(?:benchmarks|configs|demo|docs|projects|tests|tools|web)/[\w./*-]+$", word
        )
        if path and "..." not in word and not re.search("[A-Z]{3}", word):
            assert any(ROOT.glob(word.rstrip("/"))), word


@pytest.mark.parametrize("page", pages())
def test_all_code_is_python(page):
    for block in blocks(page, "python"):
        compile(block.text, f"{page}:{block.line}", "exec")


def test_table_from_equations_to_functions():
    """Every `module.name` in it can be imported."""
    text = (ROOT / "docs/how_it_works.md").read_text()
    table = text[text.index("## From the equations") :]
    names = set(re.findall(r"`([a-z_]+)\.([A-Za-z_.]+)`", table))
    assert len(names) > 10
    for module, path in names:
        target = importlib.import_module(f"epropnp.{module}")
        for part in path.split("."):
            fields = getattr(target, "__dataclass_fields__", {})
            target = fields[part] if part in fields else getattr(target, part)


def test_tables_from_the_figure_to_files():
    text = (ROOT / "docs/how_it_works.md").read_text()
    figure = text[text.index("## From the figure") : text.index("## From the equations")]
    detector, network = figure.split("6DoF network:")
    structures = (ROOT / "projects/EProPnPDet/epropnp_det/models/structures.py").read_text()
    for table, top in ((detector, "epropnp_det"), (network, "epropnp_6dof")):
        rows = [row for row in table.splitlines() if row.startswith("|")][2:]
        assert len(rows) >= 5
        for row in rows:
            files, *gives = row.split("|")[2:4]
            for name in re.findall(r"`([a-z_/.]+)`", files):
                if name != "epropnp":
                    assert (ROOT / "projects/EProPnPDet" / top / "models" / name).exists(), name
            for name in re.findall(r"`([A-Z]\w+)`", "".join(gives)):
                assert f"class {name}(" in structures, name


def test_scripts_named_on_the_layer_page_exist():
    text = (ROOT / "docs/layer.md").read_text()
    demos = set(re.findall(r"`(demo/[a-z_]+\.py)`", text))
    assert len(demos) >= 2
    assert all((ROOT / path).is_file() for path in demos)
