"""What viewers are given, against the records; the packages themselves are stand-ins."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import view
from epropnp_results import ResultsError
from epropnp_results.pictures.palette import FOUND
from epropnp_results.records import corners
from epropnp_results.viewers import read_moments, serve_live, write_rrd
from epropnp_results.viewers.viser_view import quaternion
from result_scenes import HEADER, SIZE_WH, ResultsFolder, density_arrays, draw_image, make_image

EGO = np.eye(4)
EGO[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
EGO[:3, 3] = (1.5, 0.2, 1.6)


@pytest.fixture
def results(tmp_path):
    """Two cameras of one moment on a vehicle, and an image alone."""
    results = ResultsFolder.create(tmp_path / "results", HEADER)
    known = dict(group="one", camera_to_ego=EGO.tolist())
    for number, fields in enumerate(
        [known | dict(camera="A"), known | dict(camera="B", objects=[]), {}]
    ):
        image = make_image(number, 2, **fields)
        poses = np.zeros((len(image.objects), 5, 4))
        poses[..., :3] = np.array([o.translation for o in image.objects]).reshape(-1, 1, 3)
        draw_image(results.path / image.image, number)
        results.write(image, density_arrays(image.objects) | dict(poses=poses))
    return results


class Recorder:
    """Stand-in of rerun: keeps what is logged; archetypes are (name, arguments)."""

    def __init__(self):
        self.logged, self.saved, self.times = [], None, []
        self.ViewCoordinates = SimpleNamespace(RIGHT_HAND_Z_UP="up", RIGHT_HAND_Y_DOWN="down")

    def init(self, name, spawn):
        assert not spawn

    def save(self, path):
        self.saved = path
        open(path, "w").close()

    def disconnect(self):
        pass

    def set_time(self, timeline, sequence):
        self.times.append(sequence)

    def log(self, entity, what):
        self.logged.append((entity, what))

    def __getattr__(self, name):
        return lambda *words, **options: SimpleNamespace(name=name, words=words, **options)


def test_boxes_and_samples_lie_where_the_records_say(results):
    moments = list(read_moments(results))
    assert [moment.name for moment in moments] == ["one", "frame 0002"]
    assert [len(moment.cameras) for moment in moments] == [2, 1]
    assert [moment.up for moment in moments] == ["z", "-y"]
    car = make_image(0).objects[0]
    (box,) = [b for b in moments[0].boxes if b.label == "car 0.90"]
    expected = corners(car) @ EGO[:3, :3].T + EGO[:3, 3]
    np.testing.assert_allclose(
        np.unique(box.edges.reshape(-1, 3).round(6), axis=0),
        np.unique(expected.round(6), axis=0),
        atol=1e-5,
    )
    lengths = np.linalg.norm(box.edges[:, 0] - box.edges[:, 1], axis=-1)
    np.testing.assert_allclose(np.sort(lengths), np.sort(np.repeat(car.size, 4)), rtol=1e-6)
    assert box.color == FOUND[::-1]
    np.testing.assert_allclose(
        moments[0].samples.places[0], EGO[:3, :3] @ car.translation + EGO[:3, 3], atol=1e-5
    )
    assert len(moments[0].points.places) == 2 * 32
    assert not next(read_moments(results, min_score=0.95)).samples.places.size


def test_rerun_gets_everything_and_the_file_is_whole(results, tmp_path, monkeypatch):
    recorder = Recorder()
    monkeypatch.setitem(sys.modules, "rerun", recorder)
    path = tmp_path / "out.rrd"
    assert write_rrd(path, read_moments(results)) == 2
    assert path.is_file()
    assert recorder.saved != str(path)
    assert recorder.times == [0, 1]
    entities = {entity for entity, _ in recorder.logged}
    assert {"scene/cameras/A", "scene/cameras/B/image", "scene/found", "scene/samples"} <= entities
    (found, _) = [what for entity, what in recorder.logged if entity == "scene/found"]
    assert found.name == "LineStrips3D"
    assert len(found.words[0]) == len(found.colors) == len(found.labels) == 2 * 12
    pinhole = next(what for _, what in recorder.logged if getattr(what, "name", "") == "Pinhole")
    assert tuple(pinhole.resolution) == SIZE_WH


def test_viser_shows_the_moment_of_the_slider(results, monkeypatch):
    shown = []

    class Server:
        def __init__(self, host, port):
            assert (host, port) == ("localhost", 9999)
            add = {
                name: (lambda title, _name=name, **options: shown.append((_name, title, options)))
                for name in ("add_line_segments", "add_point_cloud", "add_camera_frustum")
            }
            self.scene = SimpleNamespace(set_up_direction=lambda axis: None, **add)
            self.slider = SimpleNamespace(value=1)
            self.slider.on_update = lambda function: setattr(self, "update", function)
            self.gui = SimpleNamespace(add_slider=lambda *words, **options: self.slider)

    monkeypatch.setitem(sys.modules, "viser", SimpleNamespace(ViserServer=Server))
    server = serve_live(list(read_moments(results)), 9999)
    edges = [options["points"] for _, title, options in shown if title == "/found"]
    assert [len(each) for each in edges] == [2 * 12]
    frustum = next(options for name, _, options in shown if name == "add_camera_frustum")
    assert frustum["fov"] == pytest.approx(2 * np.arctan(180 / 500))
    shown.clear()
    server.update(None)
    assert [title for _, title, _ in shown if title.startswith("/cameras")] == ["/cameras/camera"]


def test_quaternions_are_those_of_scipy():
    for rotation in Rotation.random(20, np.random.default_rng(0)):
        x, y, z, w = rotation.as_quat(canonical=True)
        np.testing.assert_allclose(quaternion(rotation.as_matrix()), (w, x, y, z), atol=1e-9)


@pytest.mark.parametrize(("package", "option"), [("rerun", "--rrd=a.rrd"), ("viser", "--live")])
def test_missing_packages_are_said(results, monkeypatch, package, option):
    monkeypatch.setitem(sys.modules, package, None)  # import fails
    monkeypatch.setattr(sys, "argv", ["view", str(results.path), option])
    with pytest.raises(SystemExit, match=rf"needs {package}.*pip install {package}"):
        view.main()


def test_empty_folders_are_said(tmp_path):
    with pytest.raises(ResultsError, match="holds no image"):
        list(read_moments(ResultsFolder.create(tmp_path, HEADER)))
