"""Camera boxes to global boxes, against the devkit's own box arithmetic."""

import numpy as np
import pytest
from nuscenes.utils.data_classes import Box
from pyquaternion import Quaternion

from epropnp_data.geometry.rigid import rigid_matrix
from epropnp_data.nuscenes.taxonomy import task_vocabulary
from epropnp_data.vocabulary import Vocabulary
from epropnp_det.datasets.camera_poses import CameraPose
from epropnp_det.evaluation.attributes import attributes_from_labels, attributes_from_logits
from epropnp_det.evaluation.boxes import GlobalBoxes, camera_to_global
from epropnp_det.evaluation.camera_boxes import CameraBoxes
from epropnp_det.evaluation.frames import class_ranges

CAM = ([0.5, -0.5, 0.5, -0.5], [1.7, 0.1, 1.5])  # looks ahead
EGO = ([0.9, 0.02, -0.01, 0.435], [410.0, 1180.0, 0.3])


def make_pose():
    ego = Quaternion(EGO[0]).normalised
    return CameraPose(rigid_matrix(*CAM), rigid_matrix(list(ego), EGO[1]))


def make_boxes(count=6, seed=0):
    rng = np.random.default_rng(seed)
    return CameraBoxes(
        centers=rng.normal([0, 1, 20], [5, 0.5, 8], (count, 3)),
        dims=rng.uniform(0.5, 5, (count, 3)),
        yaws=rng.uniform(-4, 4, count),
        velocities=rng.normal(size=(count, 2)),
        scores=rng.uniform(size=count),
        labels=rng.integers(0, 10, count),
        attr_labels=rng.integers(0, 9, count),
    )


def test_motion_agrees_with_the_devkit():
    boxes = make_boxes()
    result = camera_to_global(boxes, make_pose())
    for row in range(len(boxes.labels)):
        length, height, width = boxes.dims[row]
        yaw = Quaternion(axis=[0, 1, 0], radians=boxes.yaws[row])
        upright = Quaternion(axis=[1, 0, 0], degrees=90)  # box z up is camera -y
        vx, vz = boxes.velocities[row]
        box = Box(boxes.centers[row], [width, length, height], yaw * upright, velocity=(vx, 0, vz))
        for quaternion, translation in (CAM, EGO):
            box.rotate(Quaternion(quaternion).normalised)
            box.translate(np.array(translation))
        np.testing.assert_allclose(result.centers[row], box.center, atol=1e-9)
        np.testing.assert_allclose(result.sizes_wlh[row], box.wlh)
        np.testing.assert_allclose(result.rotations[row], box.rotation_matrix, atol=1e-9)
        np.testing.assert_allclose(result.velocities[row], box.velocity[:2], atol=1e-9)
        same = abs(result.quaternions[row] @ box.orientation.q)
        assert same == pytest.approx(1)


def test_heading_is_the_direction_of_the_length_axis():
    result = camera_to_global(make_boxes(), make_pose())
    forward = result.rotations[:, :, 0]
    expected = np.arctan2(forward[:, 1], forward[:, 0])
    np.testing.assert_allclose(np.cos(result.headings - expected), 1, atol=1e-3)


def test_range_is_measured_in_the_ego_plane_with_a_margin_of_a_metre():
    pose = CameraPose(rigid_matrix(*CAM), make_pose().ego_to_global)
    ahead = np.array([[-0.1, 1.5, z - 1.7] for z in (50.9, 51.1, 40.9, 41.1, 30.9, 31.1)])
    ahead[:, 0] = 0.1  # the camera is mounted 0.1 m to the left: distances are exactly x
    boxes = make_boxes(6)._replace(centers=ahead, labels=np.array([0, 4, 7, 5, 8, 9]))
    kept = camera_to_global(boxes, pose, class_ranges())
    np.testing.assert_array_equal(kept.labels, [0, 7, 8])
    published = camera_to_global(boxes, pose, class_ranges(), range_margin=0.0)
    assert len(published.labels) == 0
    high = boxes._replace(centers=ahead - [0, 30.0, 0])
    np.testing.assert_array_equal(camera_to_global(high, pose, class_ranges()).labels, [0, 7, 8])


def test_no_boxes():
    empty = camera_to_global(make_boxes(0), make_pose(), class_ranges())
    assert empty.quaternions.shape == (0, 4)
    assert empty.headings.shape == (0,)
    assert len(GlobalBoxes.concatenate([]).labels) == 0


def test_attribute_is_the_best_one_of_the_class():
    logits = np.zeros((4, 9))
    logits[:, 8] = 9.0  # none scores best for all
    logits[0, [5, 6, 7]] = [1, 3, 2]
    logits[1, [0, 1]] = [-1, -2]
    logits[2, [2, 3, 4]] = [0, 0, 1]
    labels = np.array([0, 6, 7, 9])
    found = attributes_from_logits(logits, labels, task_vocabulary())
    np.testing.assert_array_equal(found, [6, 0, 4, 8])


def test_attribute_of_another_class_becomes_the_default():
    labels = np.array([0, 0, 3, 7, 8, 5])
    predicted = np.array([5, 2, 0, 3, 6, 8])
    expected, names = [5, 6, 5, 3, 8, 1], task_vocabulary()
    np.testing.assert_array_equal(attributes_from_labels(predicted, labels, names), expected)
    assert attributes_from_labels(np.zeros(0), np.zeros(0, int), names).shape == (0,)


def test_classes_without_attributes_get_none():
    names = Vocabulary(("box", "door"), ("open", "shut"), {"door": ("open", "shut")})
    labels, logits = np.array([0, 1]), np.array([[0.0, 3], [1, 3]])
    np.testing.assert_array_equal(attributes_from_logits(logits, labels, names), [-1, 1])
    np.testing.assert_array_equal(attributes_from_labels([1, -1], labels, names), [-1, 0])
    assert names.attribute_name(-1) is None
    bare = Vocabulary(("box",))
    assert attributes_from_labels([-1], np.array([0]), bare).tolist() == [-1]
