"""The file of one's own images: what is written is read again, and what is wrong is named."""

import copy
import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from epropnp_data.custom import (
    Category,
    CustomImage,
    CustomObject,
    CustomSet,
    read_custom,
    size_statistics,
    write_custom,
)
from epropnp_data.errors import DatasetError

K = [[50, 0, 32], [0, 50, 24], [0, 0, 1]]
GOOD = dict(
    format="epropnp-images",
    version=1,
    categories=[
        dict(id=3, name="box", attributes=["open", "shut"], max_distance=20),
        dict(id=1, name="robot", size_mean=[1, 2, 3], size_std=[0.1, 0.2, 0.3]),
    ],
    images=[
        dict(id="a", file_name="a.png", width=64, height=48, K=K),
        dict(
            id="b", file_name="b.png", width=64, height=48, gravity=[0, 0.8, 0.6], group=7,
            K=K,
        ),
    ],
    annotations=[
        dict(image_id="b", category_id=3, center_cam=[0, 0, 5], size_lhw=[2, 1, 1], yaw=0.3,
             attribute="shut", bbox=[10, 10, 20, 5], visibility=0.5),
        dict(image_id="b", category_id=3, center_cam=[1, 0, 5], size_lhw=[4, 3, 1],
             R_cam=[[1, 0, 0], [0, 1, 0], [0, 0, 1]], velocity=[1, 0]),
    ],
)  # fmt: skip


def written(folder, content):
    path = folder / "set.json"
    path.write_text(json.dumps(content))
    return path


def test_fields_become_records(tmp_path):
    custom = read_custom(written(tmp_path, GOOD))
    assert custom.vocabulary.classes == ("box", "robot")
    assert custom.vocabulary.attributes == ("open", "shut")
    first, second = custom.images
    assert first.objects == ()
    assert (second.group, second.gravity.tolist()) == ("7", [0, 0.8, 0.6])
    tilted, straight = second.objects
    assert tilted.bbox.tolist() == [10, 10, 30, 15]
    assert (tilted.attribute, straight.attribute) == ("shut", None)
    # the object's down is gravity, and its heading 0.3 from the right, about gravity
    np.testing.assert_allclose(tilted.rotation @ [0, 1, 0], [0, 0.8, 0.6], atol=1e-12)
    turn = Rotation.from_matrix(np.linalg.inv(tilted.rotation)) * Rotation.from_rotvec([0, 0, 0])
    assert np.linalg.det(tilted.rotation) == pytest.approx(1)
    assert turn.apply([1, 0, 0])[0] == pytest.approx(np.cos(0.3))  # camera x is level
    np.testing.assert_allclose(straight.rotation, np.eye(3))


def test_statistics_are_those_of_the_file_or_of_the_objects(tmp_path):
    found = size_statistics(read_custom(written(tmp_path, GOOD)))
    assert found.means["robot"] == (1, 2, 3)
    assert found.means["box"] == (3, 2, 1)
    assert found.stds["box"] == (1, 1, 0.05)  # equal widths: a share of the mean


def test_without_annotations_nothing_is_annotated(tmp_path):
    content = {name: value for name, value in GOOD.items() if name != "annotations"}
    custom = read_custom(written(tmp_path, content))
    assert not custom.is_annotated
    assert custom.images[0].objects is None
    assert "box" not in size_statistics(custom).means


def test_what_is_written_is_read_again(tmp_path):
    rng = np.random.default_rng(0)
    objects = [
        CustomObject(
            label=int(rng.integers(2)),
            center_cam=rng.normal(size=3),
            size_lhw=rng.uniform(1, 2, 3),
            rotation=Rotation.random(random_state=i).as_matrix(),
            bbox=np.array([1.5, 2, 30, 40]) if i % 2 else None,
            velocity=rng.normal(size=2) if i % 2 else None,
            visibility=0.25 if i else None,
            ignore=bool(i == 3),
        )
        for i in range(4)
    ]
    image = CustomImage(
        "a/b.png", 64, 48, np.array([[50.0, 0, 32], [0, 51, 24], [0, 0, 1]]),
        gravity=np.array([0, 1.0, 0]), group="g", camera="left", camera_to_ego=np.eye(4),
        objects=tuple(objects),
    )  # fmt: skip
    categories = (Category("car", ("moving",), 50.0, (4, 2, 2), (1, 1, 1)), Category("dog"))
    again = read_custom(write_custom(CustomSet(tmp_path / "x" / "y.json", categories, (image,))))
    assert again.categories == categories
    for name in ("file_name", "width", "height", "group", "camera"):
        assert getattr(again.images[0], name) == getattr(image, name)
    np.testing.assert_allclose(again.images[0].intrinsics, image.intrinsics)
    for before, after in zip(objects, again.images[0].objects, strict=True):
        for name in ("center_cam", "size_lhw", "rotation", "bbox", "velocity"):
            if getattr(before, name) is None:
                assert getattr(after, name) is None
            else:
                np.testing.assert_allclose(getattr(after, name), getattr(before, name), atol=1e-7)
        assert (after.label, after.visibility, after.ignore) == (
            before.label, before.visibility, before.ignore,
        )  # fmt: skip


def change(place, value):
    """The good file with another value at a place such as ("images", 0, "K")."""
    content = copy.deepcopy(GOOD)
    target = content
    for step in place[:-1]:
        target = target[step]
    if value is None:
        del target[place[-1]]
    else:
        target[place[-1]] = value
    return content


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("version",), 2, "format and version are .*2.*expected.*docs/custom_data"),
        (("categories",), [], "categories is .*expected at least one"),
        (("categories", 1, "id"), 3, r"categories\[1\].id is 3, expected another"),
        (("categories", 1, "name"), "box", r"categories\[1\].name is 'box', which categories\[0\]"),
        (("categories", 1, "size_std"), None, r"categories\[1\].size_std is missing: both"),
        (("categories", 0, "attributes"), [1], r"attributes is \[1\], expected a list of names"),
        (("images", 0, "K"), None, r"images\[0\].K is missing: 3 x 3 finite.*camera matrix"),
        (("images", 0, "K"), [[-5, 0, 1], [0, 5, 1], [0, 0, 1]], "K is .*positive focal"),
        (("images", 0, "K"), [1, 2], r"K is \[1, 2\], expected 3 x 3"),
        (("images", 0, "widht"), 3, r"images\[0\].widht is no field.*is 'width' meant"),
        (("images", 0, "width"), 64.5, "width is 64.5, expected a whole number"),
        (("images", 1, "gravity"), [0, 0, 1], "gravity is .*not along the optical axis"),
        (("images", 1, "gravity"), [1, 0.5, 0], "gravity is .*turned by 45 degrees at most"),
        (("images", 1, "file_name"), "a.png", r"\[1\].file_name is 'a.png', which images\[0\]"),
        (("annotations", 0, "image_id"), "c", r"annotations\[0\].image_id is 'c', expected the id"),
        (("annotations", 0, "category_id"), 2, r"category_id is 2, .*one of \[3, 1\]"),
        (("annotations", 0, "center_cam"), [0, 0, "x"], "center_cam is .*3 finite numbers"),
        (("annotations", 0, "center_cam"), [0, 0, float("nan")], "center_cam is .*finite"),
        (("annotations", 0, "size_lhw"), [1, 0, 1], "size_lhw is .*above 0 in metres"),
        (("annotations", 0, "yaw"), None, "yaw is missing: either yaw .radians. or R_cam"),
        (("annotations", 0, "R_cam"), [[1, 0, 0]] * 3, "either yaw"),
        (("annotations", 1, "R_cam"), [[1, 0, 0]] * 3, "R_cam is .*a rotation matrix"),
        (("annotations", 0, "attribute"), "ajar", r"'ajar', expected one of \['open', 'shut'\]"),
        (("annotations", 0, "visibility"), 3, "visibility is 3, expected a number from 0 to 1"),
        (("annotations", 0, "bbox"), [1, 1, 0, 4], "bbox is .*x, y, width, height"),
        (("annotations", 0), [1], r"annotations\[0\] is \[1\], not an object"),
    ],
)  # fmt: skip
def test_wrong_values_are_named_with_file_and_place(tmp_path, place, value, message):
    path = written(tmp_path, change(place, value))
    with pytest.raises(DatasetError, match=message) as caught:
        read_custom(path)
    assert str(path) in str(caught.value)


def test_files_that_are_missing_or_no_json(tmp_path):
    with pytest.raises(DatasetError, match="no such file"):
        read_custom(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DatasetError, match="is not JSON"):
        read_custom(tmp_path / "bad.json")
