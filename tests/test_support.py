"""What is said about supported versions and families of configs is said alike everywhere."""

import re
from pathlib import Path

import pytest
import yaml

import check_env
from epropnp_mm.configs import get_config

ROOT = Path(__file__).resolve().parents[1]
MIN_TORCH = "2.6"  # older ones load the project's own checkpoints unsafely or not at all


def test_one_minimum_of_torch():
    runtime = (ROOT / "requirements/runtime.txt").read_text()
    assert f"torch>={MIN_TORCH}" in runtime.split()
    (torch,) = (package for package in check_env.REQUIRED if package.module == "torch")
    assert torch.wanted.startswith(MIN_TORCH)
    assert not torch.fits((2, 5, 1))
    assert torch.fits((2, 6, 0))
    assert f"torch >= {MIN_TORCH}" in (ROOT / "docs/install.md").read_text()


def test_no_document_offers_an_older_torch():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for version in re.findall(r"torch(?:==| >= |>=| )(\d+\.\d+)", page.read_text()):
            minor = int(version.split(".")[1])
            assert minor >= 6 or "does not support" in page.read_text(), (page.name, version)


def test_every_config_is_in_the_metafile_of_its_family():
    index = yaml.safe_load((ROOT / "model-index.yml").read_text())
    listed = []
    for metafile in index["Import"]:
        content = yaml.safe_load((ROOT / metafile).read_text())
        (collection,) = content["Collections"]
        assert (ROOT / collection["README"]).is_file()
        for model in content["Models"]:
            assert model["In Collection"] == collection["Name"]
            listed.append(model["Config"])
    configs = {path.relative_to(ROOT).as_posix() for path in (ROOT / "configs").rglob("*.py")}
    expected = sorted(path for path in configs if not {"_base_", "studies"} & set(path.split("/")))
    assert sorted(listed) == expected, "write them anew: python tools/dev/metafiles.py"


def test_unknown_config_names_its_neighbours():
    with pytest.raises(FileNotFoundError, match=r"there are .*coord-ransac_r34_lm\.py"):
        get_config("epropnp_6dof/no-such.py")
