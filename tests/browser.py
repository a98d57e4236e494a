"""A headless Chromium for tests of web pages; without one they are skipped and say why.

``from browser import driver`` gives the fixture.
"""

import shutil
from collections.abc import Iterator

import pytest

FLAGS = (
    "headless=new",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "window-size=1400,950",
)


@pytest.fixture(scope="session")
def driver() -> Iterator:
    """Selenium's driver of the browser; one for all tests of a session."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    paths = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    if missing := [name for name, path in paths.items() if path is None]:
        pytest.skip(f"no {' and no '.join(missing)}: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = paths["chromium"]
    for flag in FLAGS:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(paths["chromedriver"])
    browser = webdriver.Chrome(options=options, service=service)
    yield browser
    browser.quit()
