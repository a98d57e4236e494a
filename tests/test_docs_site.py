"""The documentation as a site: every link leads somewhere, and nothing comes from the network."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest

LOADED = r"<(?:script|img|iframe)[^>]* src=\W?(?:https?:)?//|<link[^>]* href=\W?(?:https?:)?//"


@pytest.fixture(scope="module")
def site(repo_dir, tmp_path_factory):
    """Folder of the built site; `mkdocs.yml` makes every warning an error."""
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("no mkdocs: pip install -r requirements/docs.txt")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=repo_dir,
        env=dict(os.environ, NO_MKDOCS_2_WARNING="1"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


def test_every_page_is_built(site, repo_dir):
    pages = {path.relative_to(repo_dir / "docs") for path in (repo_dir / "docs").rglob("*.md")}
    built = {path.relative_to(site).with_suffix(".md") for path in site.rglob("*.html")}
    assert len(pages) > 10
    assert pages <= built


def test_every_page_can_be_reached(repo_dir):
    """From the navigation, or from another page."""
    names = {path.relative_to(repo_dir / "docs"): path for path in repo_dir.glob("docs/**/*.md")}
    navigation = (repo_dir / "mkdocs.yml").read_text()
    for name, path in names.items():
        others = "".join(page.read_text() for page in names.values() if page != path)
        assert f" {name}\n" in navigation or f"]({name.name}" in others, name


def test_nothing_is_loaded_from_the_network(site):
    assert re.search(LOADED, '<script defer src="https://cdn.example.org/x.js">')
    for path in site.rglob("*.html"):
        assert not re.search(LOADED, path.read_text()), path.name
    for path in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?https?:|@import", path.read_text()), path.name


def test_pages_are_short(repo_dir):
    pages = repo_dir.glob("docs/**/*.md")
    assert not [str(path) for path in pages if len(path.read_text().splitlines()) > 220]
