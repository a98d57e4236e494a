"""The file of the page: its size, what is in it, bad input, and the bundle it is made from."""

import base64
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from epropnp_results import ResultsError, ResultsFolder
from epropnp_results.explore import PageSettings, write_page
from epropnp_results.explore.page import TEMPLATE
from epropnp_results.explore.pictures import RUNGS, encode, encode_within
from epropnp_results.explore.quantize import quantize, restore
from result_scenes import CLASSES, HEADER, draw_image, make_image, make_results


def read_block(text, name):
    (block,) = re.findall(rf'<script type="text/plain" id="{name}">(.*?)</script>', text)
    return base64.b64decode(block)


def read_index(text):
    return json.loads(re.search(r'id="index">(.*?)</script>', text, re.S).group(1))


@pytest.mark.parametrize("bits", [8, 16])
def test_quantized_numbers_are_near(bits):
    array = np.random.default_rng(0).normal(size=(4, 5, 2))
    packed = json.loads(json.dumps(quantize(array, bits)))
    step = (array.max() - array.min()) / (2**bits - 1)
    np.testing.assert_allclose(restore(packed), array, atol=0.501 * step)
    for odd in (np.full((3, 2), 7.5), np.zeros((0, 2))):
        np.testing.assert_array_equal(restore(quantize(odd, bits)), odd)
    with pytest.raises(ValueError, match="got 12"):
        quantize(array, 12)


def test_images_take_the_best_quality_that_fits():
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 255, (90, 160, 3), dtype=np.uint8), (1600, 900))
    sizes = [len(encode(image, *rung)) for rung in RUNGS]
    assert sizes == sorted(sizes, reverse=True)
    for best in (0, 3):
        data, rung = encode_within(image, sizes[best])
        assert (len(data), rung) == (sizes[best], best)
    assert encode_within(image, sizes[0], first=2)[1] == 2
    assert len(encode_within(image, 10)[0]) == sizes[-1]


def test_page_holds_numbers_against_truth(tmp_path):
    write_page(make_results(tmp_path, 2), tmp_path / "page.html", PageSettings())
    text = (tmp_path / "page.html").read_text()
    index = read_index(text)
    assert index["classes"] == CLASSES
    kinds, scores, distances, errors, trusts = index["samples"][1]["objects"]
    assert kinds == [0, 1, 0]
    assert scores == [0.9, 0.6, 0.3]
    assert distances[0] == pytest.approx(np.linalg.norm([-2, 1, 13]), abs=1e-3)
    assert errors == [0.5, 0.1, None]
    assert trusts == [0.8, 0.3, 0.1]
    assert index["samples"][1]["missed"] == 1
    content = json.loads(gzip.decompress(read_block(text, "objects-1")))
    car = content["objects"][0]
    # the truth lies 0.5 m behind and, at this slope, 0.08 m beside the ridge of the density
    squared = (0.5 * 2 / 13 / 0.4) ** 2 + (0.5 / 1.2) ** 2
    assert car["match"]["positionLevel"] == pytest.approx(1 - np.exp(-squared / 2), abs=0.04)
    assert 0.1 < car["match"]["headingLevel"] < 0.4
    assert restore(car["weights"]).shape == (32, 2)
    image = cv2.imdecode(np.frombuffer(read_block(text, "image-1-0"), np.uint8), 1)
    assert image.shape[1] in {640, 480, 320, 240}


def test_many_images_stay_below_the_size(tmp_path):
    results = make_results(tmp_path, 12)
    write_page(results, tmp_path / "large.html", PageSettings())
    limit = 260_000
    write_page(results, tmp_path / "small.html", PageSettings(max_bytes=limit))
    size = (tmp_path / "small.html").stat().st_size
    assert size < limit < (tmp_path / "large.html").stat().st_size


def test_weak_objects_and_samples_are_left_out(tmp_path):
    results = make_results(tmp_path, 5)
    settings = PageSettings(min_score=0.5, max_samples=2)
    assert write_page(results, tmp_path / "page.html", settings) == 2
    samples = read_index((tmp_path / "page.html").read_text())["samples"]
    assert [sample["name"] for sample in samples] == ["frame 0000", "frame 0002"]
    assert samples[0]["objects"][1] == [0.9, 0.6]


def test_images_without_objects_truth_and_arrays(tmp_path):
    results = ResultsFolder.create(tmp_path, HEADER)
    draw_image(tmp_path / "a.png", 0)
    results.write(make_image(0, objects=[], truth=None, image="a.png"))
    assert write_page(results, tmp_path / "page.html", PageSettings()) == 1
    assert read_index((tmp_path / "page.html").read_text())["samples"][0]["objects"] == []


def test_a_page_appears_complete_or_not_at_all(tmp_path):
    results = make_results(tmp_path, 3)
    (tmp_path / "frame-0002.png").unlink()
    with pytest.raises(ResultsError, match=r"frame-0002\.png: image is missing"):
        write_page(results, tmp_path / "page.html", PageSettings())
    assert not list(tmp_path.glob("*page*"))
    empty = ResultsFolder.create(tmp_path / "empty", HEADER)
    with pytest.raises(ResultsError, match="no images yet"):
        write_page(empty, tmp_path / "page.html", PageSettings())


def test_command_line(tmp_path, repo_dir):
    make_results(tmp_path, 2, with_arrays=False)

    def run(*arguments):
        command = [sys.executable, "tools/explore.py", *map(str, arguments)]
        return subprocess.run(command, cwd=repo_dir, capture_output=True, text=True)

    done = run(tmp_path, "--title", "Mine")
    assert done.returncode == 0, done.stderr
    assert "2 samples" in done.stdout
    assert "Mine" in (tmp_path / "explore.html").read_text()
    failed = run(tmp_path / "nothing")
    assert failed.returncode == 1
    assert failed.stderr.startswith("explore: ")
    assert "results.json: no such file" in failed.stderr
    assert run(tmp_path, "--max-size", 0).returncode == 2


def source_hash(web):
    digest = hashlib.sha256()
    names = ["build.mjs", "package-lock.json"]
    names += [f"src/{path.name}" for path in sorted((web / "src").iterdir())]
    for name in names:
        digest.update(f"{name}\0".encode() + (web / name).read_bytes())
    return digest.hexdigest()


def test_bundle_was_built_from_the_sources(repo_dir):
    """If this fails: cd web && npm ci && npm run build."""
    built = re.search(r'name="sources" content="(\w+)"', TEMPLATE.read_text()).group(1)
    assert built == source_hash(repo_dir / "web")


def test_bundle_is_reproducible(repo_dir, tmp_path):
    if shutil.which("node") is None or not (repo_dir / "web" / "node_modules").is_dir():
        pytest.skip("node and web/node_modules are needed to rebuild: cd web && npm ci")
    command = ["node", "build.mjs", str(tmp_path / "template.html")]
    subprocess.run(command, cwd=repo_dir / "web", check=True, capture_output=True)
    assert (tmp_path / "template.html").read_bytes() == TEMPLATE.read_bytes()


def test_page_refers_to_nothing_outside():
    text = TEMPLATE.read_text()
    assert "default-src 'none'" in text
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", text)
    assert not re.findall(r"\b(?:fetch|XMLHttpRequest|WebSocket|importScripts)\b", text)
