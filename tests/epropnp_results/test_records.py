"""Records survive JSON, folders go on where they stopped and refuse what does not fit."""

import json

import numpy as np
import pytest

from epropnp_results import ResultsError, ResultsFolder
from epropnp_results.records import center, corners, from_json, to_json
from result_scenes import HEADER, density_arrays, detection, make_image


def test_record_survives_json():
    image = make_image(3)
    again = from_json(json.loads(json.dumps(to_json(image))))
    np.testing.assert_allclose(again.objects[0].rotation, image.objects[0].rotation, rtol=1e-6)
    assert again.objects[1].trust == image.objects[1].trust
    assert again.truth[2].label == "car"
    assert to_json(again) == to_json(image)


def test_numbers_that_are_not_finite_become_null():
    image = make_image(0, objects=[detection("car", (0.0, 1, 9), 0.1, 0.5, float("nan"))])
    assert to_json(image)["objects"][0]["trust"]["trust"] is None


def test_unknown_and_missing_fields_are_named():
    content = to_json(make_image(0))
    with pytest.raises(ValueError, match="unknown field 'colour'"):
        from_json({**content, "colour": "red"})
    del content["objects"][0]["size"]
    with pytest.raises(ValueError, match="ObjectResult.*size"):
        from_json(content)


def test_corners_are_where_the_box_is():
    box = detection("car", (1.0, 2.0, 10.0), -np.pi / 2, 0.5, 0.5)
    points = corners(box)
    np.testing.assert_allclose(points.mean(0), center(box))
    # a yaw of -90 degrees points away from the camera: the length lies along z
    np.testing.assert_allclose(np.ptp(points, axis=0), [1.9, 1.6, 4.5])
    assert (points[4:, 2] > 10).all()


def test_folder_keeps_images_and_arrays(tmp_path):
    folder = ResultsFolder.create(tmp_path, HEADER)
    image = make_image(1, name="a/b c.png")
    assert not folder.has(image.name)
    arrays = density_arrays(image.objects)
    folder.write(image, arrays)
    again = ResultsFolder(tmp_path)
    assert again.has("a/b c.png")
    assert not again.has("a/b-c.png")
    assert len(again) == 1
    assert [item.name for item in again] == ["a/b c.png"]
    np.testing.assert_array_equal(again.arrays(image.name)["weights"], arrays["weights"])
    assert again.arrays("nothing") == {}
    assert not [path for path in tmp_path.rglob("*") if "part" in path.name]


def test_arrays_for_other_objects_are_refused(tmp_path):
    folder = ResultsFolder.create(tmp_path, HEADER)
    with pytest.raises(ValueError, match="'weights' is for 2 objects, there are 3"):
        folder.write(make_image(0), dict(weights=np.zeros((2, 4, 2))))
    assert len(folder) == 0


def test_going_on_needs_the_same_header(tmp_path):
    ResultsFolder.create(tmp_path, HEADER)
    ResultsFolder.create(tmp_path, HEADER)
    with pytest.raises(ResultsError, match="config = 'drawn by the tests', now it is 'other'"):
        ResultsFolder.create(tmp_path, {**HEADER, "config": "other"})


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), ("{", "is not JSON"), ("[]", "holds list"), ("{}", "format None")],
)
def test_bad_headers_are_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    with pytest.raises(ResultsError, match=rf"results\.json.*{message}"):
        ResultsFolder(tmp_path)


def test_a_damaged_record_is_named(tmp_path):
    folder = ResultsFolder.create(tmp_path, HEADER)
    folder.write(make_image(0))
    (path,) = (tmp_path / "images").glob("*.json")
    path.write_text('{"name": "x"}')
    with pytest.raises(ResultsError, match=rf"{path.name}.*image"):
        list(folder)
