"""Bad result files and folders, checkpoints and outputs: what the tools say."""

import importlib.util
import json
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from epropnp_data.errors import DatasetError
from epropnp_det.evaluation.submission_check import check_submission
from epropnp_mm.engine import CheckpointError, check_checkpoint
from epropnp_results import ImageResult, ObjectResult, ResultsError, ResultsFolder, explore_command
from epropnp_results.explore import PageSettings, write_page
from epropnp_tools.cli import plain_errors, plain_message

CONFIG = "configs/epropnp_det/epropnp-det-v2_r18-fpn_demo_synthetic.py"
EYE = np.eye(3).tolist()
CAR = ObjectResult("car", 0.9, [0.0, 0.0, 10.0], EYE, [4.0, 1.5, 2.0])
IMAGE = ImageResult("a", "a.jpg", 32, 24, [[30, 0, 16], [0, 30, 12], [0, 0, 1]], objects=[CAR])


class Runs:
    """Pickles as a call that makes a file."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return open, (self.target, "w")


@pytest.fixture
def folder(tmp_path):
    results = ResultsFolder.create(tmp_path / "results", dict(task="detection", classes=["car"]))
    results.write(IMAGE, {"weights": np.ones((1, 4))})
    return tmp_path / "results"


def record_of(folder):
    (path,) = (folder / "images").glob("*.json")
    return path


def set_field(name, value):
    def change(content):
        content[name] = value

    return change


def set_object(name, value):
    def change(content):
        content["objects"][0][name] = value

    return change


RECORDS = {
    "no intrinsics": (lambda c: c.pop("intrinsics"), "missing 1 required .*intrinsics"),
    "intrinsics of two rows": (set_field("intrinsics", EYE[:2]), "intrinsics is .*shape .3, 3."),
    "name is a number": (set_field("name", 3), "name is 3, expected text"),
    "objects is a number": (set_field("objects", 3), "objects is 3, expected a list"),
    "object is a number": (set_field("objects", [3]), "ObjectResult: is 3, expected an object"),
    "truth is text": (set_field("truth", "none"), "truth is 'none', expected a list"),
    "unknown field": (set_object("colour", "red"), "unknown field 'colour'"),
    "score is text": (set_object("score", "high"), "score is 'high', expected numbers"),
    "place is null": (set_object("translation", [None, 0, 0]), "translation is .*shape .3,."),
    "rotation of 4": (set_object("rotation", [1, 0, 0, 0]), "rotation is .*shape .3, 3."),
}


@pytest.mark.parametrize("kind", RECORDS)
def test_records(folder, kind):
    change, message = RECORDS[kind]
    path = record_of(folder)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ResultsError, match=rf"{path.name}: .*{message}"):
        list(ResultsFolder(folder))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_damaged_records_and_headers(folder, data):
    for path in (record_of(folder), folder / "results.json"):
        path.write_bytes(data)
        with pytest.raises(ResultsError, match=rf"{path.name}: (is not JSON|holds list)"):
            list(ResultsFolder(folder))


def test_folders_of_other_things(folder, tmp_path):
    with pytest.raises(ResultsError, match=r"results\.json: no such file"):
        ResultsFolder(tmp_path)
    (folder / "results.json").write_text(json.dumps({"format": "epropnp-results", "version": 9}))
    with pytest.raises(ResultsError, match="version 9; this program reads"):
        ResultsFolder(folder)


ARRAYS = {
    "empty": lambda path, ran: path.write_bytes(b""),
    "truncated": lambda path, ran: path.write_bytes(path.read_bytes()[:100]),
    "no archive": lambda path, ran: path.write_bytes(b"PK\x03\x04" + bytes(50)),
    "objects": lambda path, ran: np.savez(path, weights=np.array([Runs(ran)], dtype=object)),
    "pickle": lambda path, ran: path.write_bytes(pickle.dumps(Runs(ran))),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_array_files(folder, tmp_path, kind):
    ARRAYS[kind](record_of(folder).with_suffix(".npz"), tmp_path / "ran")
    with pytest.raises(ResultsError, match=r"\.npz: is no array file .*infer again"):
        ResultsFolder(folder).arrays("a")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("image", ["../secret.png", "/etc/passwd", "frames/../../secret.png"])
def test_images_outside_of_the_results(folder, tmp_path, monkeypatch, image):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    path = record_of(folder)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"image": image}))
    with pytest.raises(ResultsError, match=r"names the image .*outside of the results.*--image-r"):
        write_page(ResultsFolder(folder), tmp_path / "page.html", PageSettings())
    assert not (tmp_path / "page.html").exists()


def test_an_image_folder_has_to_be_allowed_unless_it_is_below_the_current_one(
    folder, tmp_path, monkeypatch
):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    result = ImageResult(**{**vars(IMAGE), "image": str(tmp_path / "photos" / "a.jpg")})
    with pytest.raises(ResultsError, match="--image-root"):
        ResultsFolder(folder).image_path(result)
    allowed = ResultsFolder(folder, [tmp_path / "photos"])
    assert allowed.image_path(result) == tmp_path / "photos" / "a.jpg"
    monkeypatch.chdir(tmp_path)
    assert ResultsFolder(folder).image_path(result) == tmp_path / "photos" / "a.jpg"


def test_the_command_for_the_page_allows_the_images(tmp_path, monkeypatch):
    for name in ("a b", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    command = explore_command(tmp_path / "out", tmp_path / "a b")
    assert command == f"tools/explore.py {tmp_path / 'out'} --image-root '{tmp_path / 'a b'}'"
    assert explore_command(tmp_path / "out", tmp_path / "here") == (
        f"tools/explore.py {tmp_path / 'out'}"
    )


CHECKPOINTS = {
    "runs code": lambda path, ran: torch.save({"state_dict": Runs(ran)}, path),
    "runs code, old format": lambda path, ran: torch.save(
        Runs(ran), path, _use_new_zipfile_serialization=False
    ),
    "pickle": lambda path, ran: path.write_bytes(pickle.dumps(Runs(ran))),
    "whole network": lambda path, ran: torch.save(torch.nn.Linear(2, 2), path),
    "empty": lambda path, ran: path.write_bytes(b""),
    "truncated": lambda path, ran: truncated_checkpoint(path),
    "text": lambda path, ran: path.write_text("<html>404</html>"),
    "archive of other things": lambda path, ran: zipfile.ZipFile(path, "w").writestr("a", "b"),
    "no state": lambda path, ran: torch.save({"meta": 1}, path),
    "numbers": lambda path, ran: torch.save([1, 2], path),
}


def truncated_checkpoint(path):
    torch.save({"state_dict": torch.nn.Linear(20, 20).state_dict()}, path)
    path.write_bytes(path.read_bytes()[:900])


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_checkpoints(tmp_path, kind):
    path = tmp_path / "some.pth"
    CHECKPOINTS[kind](path, tmp_path / "ran")
    with pytest.raises(CheckpointError, match=r"some\.pth (cannot be read|holds no state)"):
        check_checkpoint(torch.nn.Linear(2, 2), str(path), strict=True)
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def call(repo_dir, tmp_path, monkeypatch, capsys):
    """Run a tool in this process; returns the exit code and what it printed as an error."""

    def run(tool, *arguments):
        path = repo_dir / "tools" / f"{tool}.py"
        spec = importlib.util.spec_from_file_location(f"tool_{tool}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.chdir(repo_dir)
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            module.main()
        code = caught.value.code
        return code if isinstance(code, int) else 1, f"{code} {capsys.readouterr().err}"

    return run


def test_a_malicious_checkpoint_is_refused_by_the_tools(call, tmp_path):
    path = tmp_path / "evil.pth"
    torch.save({"state_dict": Runs(tmp_path / "ran")}, path)
    work_dir = ("--work-dir", tmp_path / "work")
    for words in (("test", CONFIG, path), ("train", CONFIG, "--resume", path)):
        code, message = call(*words, *work_dir)
        assert code == 2
        assert "evil.pth cannot be read as a checkpoint" in message
    assert not (tmp_path / "ran").exists()


def test_a_work_dir_that_is_a_file(call, tmp_path):
    (tmp_path / "work").write_text("")
    code, message = call("train", CONFIG, "--work-dir", tmp_path / "work")
    assert code == 2
    assert "work: is a file, not a folder" in message


def test_a_work_dir_that_cannot_be_made(call, tmp_path):
    (tmp_path / "file").write_text("")
    code, message = call("train", CONFIG, "--work-dir", tmp_path / "file" / "work")
    assert code == 2
    assert "Not a directory. Choose another --work-dir" in message


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk(capsys):
    with pytest.raises(SystemExit, match="2"), plain_errors():
        Path("/dev/full").write_text("a checkpoint")
    message = capsys.readouterr().err
    assert "No space left on device. Make room, then run again" in message


def test_an_error_of_a_loader_process_is_told_without_its_traceback():
    with pytest.raises(DatasetError, match="Original Traceback") as caught:
        next(iter(DataLoader(Gone(), num_workers=1)))
    assert plain_message(caught.value) == "a.pkl: the table is gone"


class Gone(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise DatasetError("a.pkl: the table is gone")


def test_settings_that_no_part_takes(call, tmp_path):
    options = ("--work-dir", tmp_path / "work", "--cfg-options")
    code, message = call("train", CONFIG, *options, "model.bbox_head.colour=red")
    assert code == 2
    assert "the config cannot be built" in message
    assert "colour" in message
    code, message = call("train", CONFIG, *options, "model.type=NoSuchModel")
    assert code == 2
    assert "NoSuchModel is not in the" in message


SUBMISSIONS = {
    "class is a list": ("detection_name", []),
    "class is a number": ("detection_name", 7),
    "attribute is an object": ("attribute_name", {}),
    "score beyond floats": ("detection_score", 10**400),
    "place beyond floats": ("translation", [10**400, 0, 0]),
    "size of objects": ("size", [{}, [], None]),
    "rotation zero": ("rotation", [0, 0, 0, 0]),
    "token is a list": ("sample_token", []),
}


@pytest.mark.parametrize("kind", SUBMISSIONS)
def test_submissions(kind):
    name, value = SUBMISSIONS[kind]
    box = {
        "sample_token": "a",
        "translation": [0, 0, 0],
        "size": [1, 2, 1],
        "rotation": [1, 0, 0, 0],
        "velocity": [0, 0],
        "detection_name": "car",
        "detection_score": 0.5,
        "attribute_name": "vehicle.parked",
    }
    place = "results['a'][0]"
    found = check_submission({"meta": None, "results": {"a": [box]}}, ["a"])
    assert not [item for item in found if item.place == place]
    found = check_submission({"meta": None, "results": {"a": [box | {name: value}]}}, ["a"])
    assert [item for item in found if item.place == place]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\xff\xfe", b'{"results": []}', b"[" * 100_000]
)
@pytest.mark.parametrize("tool", ["check_submission", "visualize"])
def test_results_files_that_are_none(call, tmp_path, tool, data, tiny_tables):
    path = tmp_path / "results_nusc.json"
    path.write_bytes(data)
    options = ("--dataroot", tiny_tables, "--version", "v1.0-mini")
    code, message = call(tool, path, *options)
    assert code == 1
    assert "Traceback" not in message


@pytest.fixture(scope="module")
def tiny_tables():
    from nuscenes_data import prepared_root

    return prepared_root()
