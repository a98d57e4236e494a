"""Random bytes, values and geometry: readers refuse by a message, converters invert each other."""

import json
import math
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from drills.fuzz import KINDS, read_damaged
from drills.parsers import PARSERS
from epropnp_6dof.bop import PoseEstimate, read_detections, read_results, write_results
from epropnp_6dof.bop.errors import BOPError
from epropnp_data.geometry.boxes import box_corners, nuscenes_rotation_to_yaw
from epropnp_data.geometry.camera import project_points
from epropnp_data.geometry.rigid import RigidPose, invert_rigid, rigid_matrix, transform_points
from epropnp_det.datasets.camera_poses import camera_matrix, orthonormal, rigid
from epropnp_det.evaluation.boxes import GlobalBoxes
from epropnp_det.evaluation.submission import from_records, to_records
from epropnp_det.evaluation.submission_check import check_submission

COUNT = 15  # damaged files of each kind; tools/drill.py fuzz reads 1000
QUICK = settings(max_examples=60, deadline=None)

numbers = st.floats(-1e3, 1e3)
vectors = st.tuples(numbers, numbers, numbers).map(np.array)
rotations = st.integers(0, 2**32 - 1).map(
    lambda seed: Rotation.random(random_state=np.random.RandomState(seed))
)
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_read_or_refused(tmp_path, kind):
    found = list(read_damaged(kind, tmp_path, COUNT, seed=1))
    assert set(found) <= {"read", "refused"}, [item for item in found if len(item) > 7]
    assert "refused" in found


def test_the_drill_knows_every_parser():
    assert set(KINDS) == set(PARSERS)


def test_another_error_is_noticed(tmp_path, monkeypatch):
    broken = PARSERS["camera file"]._replace(refused=(KeyError,))
    monkeypatch.setitem(PARSERS, "camera file", broken)
    found = list(read_damaged("camera file", tmp_path, COUNT, seed=1))
    assert any("CameraError" in item for item in found)


@QUICK
@given(rotations, vectors, st.lists(vectors, min_size=1, max_size=5))
def test_rigid_motions_invert(rotation, translation, points):
    points = np.array(points)
    x, y, z, w = rotation.as_quat()
    matrix = rigid_matrix((w, x, y, z), translation)
    back = transform_points(invert_rigid(matrix), transform_points(matrix, points))
    np.testing.assert_allclose(back, points, atol=1e-9)  # 1e3 times some rounding errors
    np.testing.assert_allclose(rigid(matrix.tolist(), "pose"), matrix)
    np.testing.assert_allclose(orthonormal(matrix), matrix, atol=1e-12)


@QUICK
@given(rotations, vectors, st.tuples(*[st.floats(0.1, 20)] * 3))
def test_corners_have_the_size_of_their_box(rotation, center, size):
    corners = box_corners(center[None], np.array([size]), rotation.as_matrix()[None])[0]
    local = (corners - center) @ rotation.as_matrix()
    np.testing.assert_allclose(np.ptp(local, axis=0), size, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(corners.mean(axis=0), center, atol=1e-9)


@QUICK
@given(st.floats(-math.pi, math.pi), vectors)
def test_yaw_survives_the_way_through_a_rotation(yaw, size):
    """A level box whose heading is turned by some angle about the vertical turns by it."""
    level = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # box (x ahead, z up) to camera
    turn = Rotation.from_rotvec([0, yaw, 0]).as_matrix()
    one, two = nuscenes_rotation_to_yaw(np.stack([level, turn @ level]))
    assert math.isclose(math.cos(two - one), math.cos(yaw), abs_tol=1e-9)
    assert math.isclose(math.sin(two - one), math.sin(yaw), abs_tol=1e-9)


@QUICK
@given(vectors, st.floats(0.5, 100), st.floats(100, 2000))
def test_projection_follows_the_ray(point, depth, focal):
    point = np.array([point[0], point[1], depth])
    matrix = camera_matrix([[focal, 0, 320], [0, focal, 240], [0, 0, 1]])
    uv = project_points(np.stack([point, 2 * point]), matrix)
    np.testing.assert_allclose(uv[0], uv[1], rtol=1e-12)
    ray = np.linalg.inv(matrix) @ [*uv[0], 1]
    np.testing.assert_allclose(ray * depth, point, rtol=1e-9, atol=1e-9 * focal)


@settings(max_examples=30, deadline=None)
@given(rotations, vectors, st.floats(0, 1), st.integers(0, 10**6))
def test_pose_estimates_survive_their_file(tmp_path_factory, rotation, translation, score, im_id):
    path = tmp_path_factory.mktemp("csv") / "r.csv"
    estimate = PoseEstimate(1, im_id, 2, score, RigidPose(rotation.as_matrix(), translation))
    write_results(path, [estimate])
    (again,) = read_results(path)
    assert again[:4] == estimate[:4]
    np.testing.assert_array_equal(again.pose.rotation, estimate.pose.rotation)
    np.testing.assert_allclose(again.pose.translation, translation, rtol=1e-15)


@QUICK
@given(st.lists(st.tuples(rotations, vectors, st.floats(0, 1)), max_size=4))
def test_boxes_survive_the_results_file(boxes):
    count = len(boxes)
    truth = GlobalBoxes(
        centers=np.array([center for _, center, _ in boxes]).reshape(-1, 3),
        sizes_wlh=np.tile([2.0, 4.0, 1.5], (count, 1)),
        rotations=np.array([turn.as_matrix() for turn, _, _ in boxes]).reshape(-1, 3, 3),
        velocities=np.zeros((count, 2)),
        scores=np.array([score for *_, score in boxes]),
        labels=np.zeros(count, int),
        attr_labels=np.zeros(count, int),
    )
    records = json.loads(json.dumps(to_records("a", truth)))
    content = {"meta": {"use_camera": True}, "results": {"a": records}}
    wrong = {"size order", "no boxes", "meta", "attribute of another class"}
    assert {item.kind for item in check_submission(content, ["a"])} <= wrong
    again = from_records(records)
    np.testing.assert_allclose(again.centers, truth.centers)
    np.testing.assert_allclose(again.rotations, truth.rotations, atol=1e-12)


FIELDS = ("sample_token", "translation", "size", "rotation", "velocity", "detection_name")
FIELDS += ("detection_score", "attribute_name")


@QUICK
@given(st.dictionaries(st.sampled_from(FIELDS), junk), junk, junk)
def test_the_submission_checker_takes_anything(record, meta, other):
    for results in ({"a": [record, other]}, {"a": other}, other):
        for content in ({"meta": meta, "results": results}, results):
            for violation in check_submission(content, ["a"]):
                assert violation.message


@QUICK
@given(junk)
def test_detections_of_anything_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("d") / "d.json"
    path.write_text(json.dumps(content))
    with pytest.raises(BOPError, match="d.json: ") if content != [] else nullcontext():
        assert read_detections(path) == {}
