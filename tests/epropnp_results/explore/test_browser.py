"""The page in a real browser: load, filter, zoom, click, link, type."""

import base64
import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest

from browser import driver
from epropnp_results import ResultsFolder
from epropnp_results.explore import PageSettings, make_server, write_page
from result_scenes import HEADER, density_arrays, draw_image, make_image, make_results

__all__ = ["driver"]
NUM_SAMPLES = 5


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    path = folder / "explore.html"
    assert write_page(make_results(folder, NUM_SAMPLES), path, PageSettings("Tést & <b>")) == 5
    return path


class Page:
    """What a person does with the page."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, url, link=""):
        self.driver.get("about:blank")
        self.driver.get(url + link)
        self.wait_ready()
        return self

    def run(self, code, *arguments):
        return self.driver.execute_script(f"return {code}", *arguments)

    def wait(self, code):
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, 20, 0.05).until(lambda _: self.run(code))

    def wait_ready(self, sample=None):
        if sample is None:
            return self.wait("document.body.dataset.ready !== undefined")
        return self.wait(f"document.body.dataset.ready === '{sample}'")

    def type(self, keys):
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(keys).perform()

    def click(self, canvas, x, y):
        """Click at CSS pixels relative to the canvas."""
        from selenium.webdriver.common.action_chains import ActionChains

        element = self.driver.find_element("id", canvas)
        width, height = element.size["width"], element.size["height"]
        actions = ActionChains(self.driver)
        actions.move_to_element_with_offset(element, int(x - width // 2), int(y - height // 2))
        actions.click().perform()

    def set(self, selector, value):
        """Choose or enter a value as a person would."""
        self.run(
            "(() => { const e = document.querySelector(arguments[0]); e.value = arguments[1];"
            "e.dispatchEvent(new Event('change')); })()",
            selector,
            value,
        )

    def text(self, selector):
        return self.run(f"document.querySelector('{selector}').textContent")

    @property
    def words(self):
        """Words of the link."""
        return self.run("Object.fromEntries(new URLSearchParams(location.hash.slice(1)))")

    def pixels(self, canvas):
        """(h, w, 3) of a canvas, red, green, blue."""
        url = self.run(f"document.getElementById('{canvas}').toDataURL()")
        data = np.frombuffer(base64.b64decode(url.split(",")[1]), np.uint8)
        return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]

    def errors(self):
        return [entry for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture
def opened(driver, page):
    return Page(driver).open(page.as_uri())


def count_near(pixels, color):
    return (np.abs(pixels.astype(int) - color).max(-1) < 30).sum()


FOUND, TRUTH, CHOSEN = (230, 159, 0), (86, 180, 233), (240, 228, 66)


def test_it_loads_from_disk_without_errors_and_without_network(opened):
    assert opened.text("h1") == "Tést & <b>"
    assert opened.run("document.querySelectorAll('.card').length") == NUM_SAMPLES
    assert opened.text("#count") == "5 of 5 samples, 15 objects"
    assert opened.errors() == []
    names = opened.run("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in names if not name.startswith(("data:", "blob:"))] == []
    pixels = opened.pixels("images")
    assert count_near(pixels, FOUND) > 100
    assert count_near(pixels, TRUTH) > 50


def test_filters_by_class_score_error_distance_and_trust(opened):
    opened.set("select[name=class]", "pedestrian")
    assert opened.text("#count").endswith("5 objects")
    opened.set("select[name=class]", "all")
    for name, value, count in [
        ("score-least", 0.5, 10),
        ("trust-most", 0.2, 5),
        ("error-least", 0.3, 5),
    ]:
        opened.set(f"input[name={name}]", value)
        assert opened.text("#count").endswith(f" {count} objects"), name
        opened.set(f"input[name={name}]", "")
    opened.set("input[name=distance-most]", 12.5)  # of the cars only that of the first sample
    assert opened.text("#count") == "5 of 5 samples, 6 objects"
    opened.set("select[name=class]", "car")
    assert opened.text("#count") == "1 of 5 samples, 1 objects"
    assert opened.words == {"sample": "0", "class": "0", "distance": "..12.5"}
    opened.set("select[name=class]", "all")
    opened.set("input[name=distance-most]", "")
    opened.set("select[name=status]", "unmatched")
    assert opened.text("#count").endswith("5 objects")


def test_order_by_least_trust_and_distance_of_filtered_objects(opened):
    opened.set("select[name=order]", "most objects")
    opened.set("input[name=distance-most]", 12.5)
    first = opened.run("document.querySelector('.card').dataset.sample")
    assert first == "0"


def test_click_on_a_box_shows_the_object(opened):
    """The first car stands at (-2, 1, 12) and projects to about (237, 222) of 640 x 360."""
    width, height = opened.run("[images.clientWidth, images.clientHeight]")
    scale = min(width / 640, height / 360)
    u, v = 320 - 2 / 12 * 500, 180 + 1 / 12 * 500
    opened.click("images", width / 2 + (u - 320) * scale, height / 2 + (v - 180) * scale)
    assert opened.text("#detail .name") == "car 0.900"
    assert opened.words["object"] == "0"
    assert "0.50 m" in opened.text("#detail")  # its error
    assert "heading within region of" in opened.text("#detail")
    for canvas in ("polar", "ground"):
        assert opened.pixels(canvas).std() > 5
    assert opened.run("document.querySelectorAll('#depth canvas').length") == 1
    assert count_near(opened.pixels("images"), CHOSEN) > 50
    image = opened.run(
        "document.querySelector('.panels img').decode().then(() =>"
        " document.querySelector('.panels img').naturalWidth)"
    )
    assert image == 16
    assert opened.errors() == []


def test_click_beside_all_boxes_shows_the_overview(opened):
    opened.type("n")
    assert opened.text("#detail .name") == "car 0.900"
    opened.click("images", 300, 20)
    assert "All objects" in opened.text("#detail .name")
    assert "Error by distance" in opened.text("#detail")


def test_click_in_the_plane_shows_the_object(opened):
    """Forward is up: of two objects the one with the larger z is higher on the screen."""
    opened.set("select[name=class]", "car")
    opened.run("document.querySelector('#tools button[aria-pressed=true]').click()")  # no truth
    mask = (np.abs(opened.pixels("plane").astype(int) - FOUND) < 60).all(-1).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    _, _, stats, centers = cv2.connectedComponentsWithStats(mask)
    large = [tuple(center) for center, row in zip(centers, stats, strict=True) if row[4] > 40][1:]
    places = {}
    for x, y in large:
        opened.click("plane", x, y)
        places[opened.words["object"]] = (x, y)
    assert set(places) == {"0", "2"}
    assert places["2"][1] < places["0"][1]  # z = 25, 12
    assert places["0"][0] < places["2"][0]  # x = -2, 8


def test_zoom_by_wheel_and_keys_and_back(opened):
    def zoom(canvas):
        return float(opened.run(f"{canvas}.dataset.zoom"))

    before = opened.pixels("plane")
    opened.run("plane.dispatchEvent(new WheelEvent('wheel', {deltaY: -400, cancelable: true}))")
    assert zoom("plane") == pytest.approx(np.exp(0.6), rel=1e-3)
    assert (opened.pixels("plane") != before).any()
    opened.type("+")
    assert zoom("images") == pytest.approx(1.3)
    opened.type("0")
    assert zoom("images") == 1
    opened.run("plane.focus()")
    opened.type("0")
    assert zoom("plane") == 1
    np.testing.assert_array_equal(opened.pixels("plane"), before)


def test_keys_step_through_samples_and_objects(opened):
    opened.type("j")
    opened.wait_ready(1)
    opened.type("j")
    opened.wait_ready(2)
    opened.type("k")
    opened.wait_ready(1)
    assert opened.text("#caption") == "frame 0001"
    opened.type("n")
    opened.type("n")
    assert opened.text("#detail .name") == "pedestrian 0.600"
    opened.type("p")
    assert opened.words == {"sample": "1", "object": "0"}
    opened.type("c")
    assert opened.words["points"] == "weight across"
    opened.type("?")
    assert opened.run("help.open")
    assert "drawn by the tests" in opened.text("#help")
    opened.type("\ue00c")  # Escape closes the help, then leaves the object
    opened.wait("!help.open")
    opened.type("\ue00c")
    assert "object" not in opened.words
    opened.run("document.querySelector('input').focus()")
    opened.type("j")  # typing into a field is no command
    assert opened.words["sample"] == "1"


def test_colour_of_points_changes_the_image(opened):
    opened.type("n")
    weight = opened.pixels("images")
    opened.set("#tools select[name=points]", "coordinate")
    coordinate = opened.pixels("images")
    opened.set("#tools select[name=points]", "off")
    off = opened.pixels("images")
    assert (weight != coordinate).any()
    assert (coordinate != off).any()


def test_deep_link_brings_back_what_was_shown(driver, page):
    link = "#sample=3&object=1&class=1&points=coordinate&score=0.2..0.7&truth=0"
    opened = Page(driver).open(page.as_uri(), link)
    assert opened.text("#caption") == "frame 0003"
    assert opened.text("#detail .name") == "pedestrian 0.600"
    assert opened.text("#count") == "5 of 5 samples, 5 objects"
    assert opened.run("document.querySelector('input[name=score-most]').value") == "0.7"
    expected = dict(word.split("=") for word in link[1:].split("&"))
    assert opened.words == expected


@pytest.mark.parametrize(
    "link", ["#sample=99&object=-1", "#sample=x&status=y&score=a..b", "#%00<script>"]
)
def test_broken_links_open_the_start(driver, page, link):
    opened = Page(driver).open(page.as_uri(), link)
    assert opened.text("#count") == "5 of 5 samples, 15 objects"
    assert opened.words == {"sample": "0"}


def test_names_are_text_and_cannot_run(driver, tmp_path):
    name = (
        "</script><script>document.title = 'run'</script><img src=x onerror=document.title='run'>"
    )
    results = ResultsFolder.create(tmp_path, HEADER)
    draw_image(tmp_path / "a.png", 0)
    results.write(make_image(0, name=name, image="a.png"))
    write_page(results, tmp_path / "page.html", PageSettings(name))
    opened = Page(driver).open((tmp_path / "page.html").as_uri())
    assert opened.text("#caption") == opened.text("h1") == name
    assert opened.run("document.title") == name


def test_cameras_of_one_moment_share_a_plane(driver, tmp_path):
    """A camera that looks left sees the same object: both boxes lie on one place from above."""
    results = ResultsFolder.create(tmp_path, HEADER)
    axes = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # camera -> ego of a camera forward
    left = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # turned left by 90 degrees
    for name, turn in (("CAM_FRONT", np.eye(3)), ("CAM_FRONT_LEFT", left)):
        pose = np.eye(4)
        pose[:3, :3] = turn @ axes
        pose[:3, 3] = (1.5, 0.2, 1.6)
        image = make_image(0, name=name, image=f"{name}.png", camera=name, group="moment")
        car = image.objects[0]
        seen_from_left = (-12.0, 1.0, 8.0)  # in a camera that looks left
        place = seen_from_left if name == "CAM_FRONT_LEFT" else (-8.0, 1.0, -12.0)
        car = replace(car, translation=list(place))
        image = replace(image, objects=[car], truth=None, camera_to_ego=pose.tolist())
        draw_image(tmp_path / image.image, 0)
        results.write(image, density_arrays(image.objects))
    write_page(results, tmp_path / "page.html", PageSettings())
    opened = Page(driver).open((tmp_path / "page.html").as_uri())
    assert opened.run("document.querySelectorAll('.card').length") == 1
    assert opened.errors() == []
    places = []
    for _ in range(2):
        opened.type("n")
        rows, columns = np.nonzero(
            (np.abs(opened.pixels("plane").astype(int) - CHOSEN) < 30).all(-1)
        )
        places.append((rows.min() + rows.max(), columns.min() + columns.max()))
    np.testing.assert_allclose(places[0], places[1], atol=3)  # twice the middle, in pixels
    middle = opened.run("[plane.clientWidth, plane.clientHeight]")
    assert places[0][1] < middle[0] - 20  # y = 8.2 m is left


def test_served_page_works(driver, page):
    server = make_server(page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        opened = Page(driver).open(f"http://localhost:{server.server_port}/", "#sample=2")
        assert opened.text("#caption") == "frame 0002"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
