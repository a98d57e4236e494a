"""Size of an explore page, time to write it, and time until a browser shows its first sample.

    python benchmarks/bench_explore_page.py [--samples 500] [--views 6]

The images are noise of the sharpness of photographs, each with ten objects with densities. Needs
Chromium and its driver.
"""

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from selenium import webdriver

from epropnp_results import ResultsFolder
from epropnp_results.explore import PageSettings, write_page

FLAGS = ("headless=new", "no-sandbox", "disable-gpu", "window-size=1400,950")


def write_results(folder: Path, samples: int, views: int) -> ResultsFolder:
    """Samples of several views, from the scenes of the tests."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from result_scenes import HEADER, density_arrays, make_image

    rng = np.random.default_rng(0)
    for index in range(8):
        octaves = [
            cv2.resize(rng.normal(0, 128 / 2**k, (9 * 2**k, 16 * 2**k, 3)), (1600, 900))
            for k in range(6)
        ]
        cv2.imwrite(str(folder / f"{index}.jpg"), np.clip(128 + sum(octaves) / 2, 0, 255))
    results = ResultsFolder.create(folder, HEADER)
    for number in range(samples * views):
        image = make_image(number, num_objects=10, image=f"{number % 8}.jpg")
        image = replace(image, group=f"sample {number // views:04d}", camera=f"{number % views}")
        results.write(image, density_arrays(image.objects))
    return results


def open_page(path: Path) -> tuple[float, float]:
    """Seconds until the first sample is drawn, and until the whole file is read."""
    options = webdriver.ChromeOptions()
    options.page_load_strategy = "none"
    for flag in FLAGS:
        options.add_argument(f"--{flag}")
    options.binary_location = shutil.which("chromium")
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        driver.get(path.as_uri())
        while driver.execute_script("return document.body?.dataset.ready") is None:
            time.sleep(0.02)
        shown = driver.execute_script("return performance.now()")
        while driver.execute_script("return document.readyState") != "complete":
            time.sleep(0.02)
        return shown / 1000, driver.execute_script("return performance.now()") / 1000
    finally:
        driver.quit()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--views", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = write_results(Path(folder), args.samples, args.views)
        path = Path(folder) / "explore.html"
        start = time.perf_counter()
        write_page(results, path, PageSettings())
        written = time.perf_counter() - start
        shown, whole = open_page(path)
        print(f"{args.samples} samples of {args.views} images: {path.stat().st_size / 1e6:.1f} MB")
        print(f"written in {written:.1f} s; first view {shown:.2f} s, whole file {whole:.2f} s")


if __name__ == "__main__":
    main()
