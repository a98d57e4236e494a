"""Files that others made: nothing in them runs, and no name in them leaves its folder."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from epropnp_data.errors import DatasetError
from epropnp_data.lmo.wheel import SourceError, Wheel, read_data
from epropnp_data.untrusted import inside, load_plain_pickle


class Runs:
    """Pickles as a call of a function with arguments."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def malicious(tmp_path):
    """Pickles that run something when they are read the ordinary way."""
    target = str(tmp_path / "ran")
    return {
        "system": Runs(os.system, f"touch {target}"),
        "open": Runs(open, target, "w"),
        "eval": Runs(eval, f"open({target!r}, 'w')"),
        "getattr": Runs(getattr, dict, "fromkeys"),
        "path": Runs(Path(target).touch),
        "numpy": Runs(np.load, target),
        "nested": {"infos": [Runs(os.mkdir, target)]},
        "in an array": np.array([Runs(os.mkdir, target)], dtype=object),
        "as a key": {(1, Runs(os.mkdir, target)): 0},
    }


NAMES = (
    "system",
    "open",
    "eval",
    "getattr",
    "path",
    "numpy",
    "nested",
    "in an array",
    "as a key",
)


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("name", NAMES)
def test_no_pickle_runs_anything(tmp_path, name, protocol):
    data = pickle.dumps(malicious(tmp_path)[name], protocol)
    with pytest.raises(DatasetError, match="not a pickle file of plain data"):
        load_plain_pickle(io.BytesIO(data))
    assert not (tmp_path / "ran").exists()


def test_the_malicious_pickles_are_malicious(tmp_path):
    """The oracle of the test above: the ordinary reader runs them."""
    pickle.loads(pickle.dumps(malicious(tmp_path)["nested"]))
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_comes_back(protocol):
    content = {
        "text": "ü",
        "numbers": [1, 2.5, None, True, 2**80, (1, 2)],
        "ordered": OrderedDict(a=1),
        "scalars": [np.float32(0.1), np.int64(-3), np.bool_(True)],
        "arrays": [
            np.arange(6, dtype=kind).reshape(2, 3) for kind in ("<f4", ">f8", "i8", "u1", "<c8")
        ],
        "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "words": np.array(["ab", "c"]),
        "empty": np.zeros((0, 4), np.float32),
    }
    again = load_plain_pickle(io.BytesIO(pickle.dumps(content, protocol)))
    np.testing.assert_equal(again, content)
    for one, two in zip(again["arrays"], content["arrays"], strict=True):
        assert one.dtype.newbyteorder("=") == two.dtype.newbyteorder("=")


@pytest.mark.parametrize(
    "data",
    [b"", b"no pickle", pickle.dumps(list(range(1000)))[:-200], b"\x80\x05.", b"(", b"c\n\n."],
)
def test_damaged_pickles_are_refused(data):
    with pytest.raises(DatasetError, match="not a pickle file of plain data"):
        load_plain_pickle(io.BytesIO(data))


@pytest.mark.parametrize("dtype", [np.dtype("O"), np.dtype([("a", "f4")])])
def test_arrays_of_other_things_than_numbers_are_refused(dtype):
    data = pickle.dumps(np.zeros(2, dtype))
    with pytest.raises(DatasetError, match=r"arrays of .* are not read"):
        load_plain_pickle(io.BytesIO(data))


@pytest.mark.parametrize(
    "name",
    [
        "../a",
        "a/../../b",
        "/etc/passwd",
        "..",
        "..\\a",
        "C:\\a",
        "\\\\host\\a",
        "",
        "a\0b",
        None,
        3,
    ],
)
def test_names_that_leave_their_folder(name):
    with pytest.raises(DatasetError, match=r"infos\.pkl: names the file .* does not lie in"):
        inside(name, "infos.pkl")


@pytest.mark.parametrize("name", ["a.jpg", "samples/CAM_FRONT/a.jpg", "a..b", "ü/日本.png", "..a"])
def test_names_that_stay(name):
    assert inside(name, "infos.pkl") == name


@pytest.mark.parametrize("name", ["folder/../../evil.png", "folder/rgb/../../../x"])
def test_an_archive_member_that_leaves_its_folder_is_refused(tmp_path, name):
    path = tmp_path / "data.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("folder/camera.json", "{}")
        archive.writestr(name, "evil")
    with pytest.raises(SourceError, match=r"data\.whl: names the file .* does not lie in"):
        read_data(path, Wheel("x==1", path.name, 0, "", "folder"))
