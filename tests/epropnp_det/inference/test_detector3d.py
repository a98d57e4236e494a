"""The detector as a function: any image, any camera, records that fit their arrays."""

import json

import cv2
import numpy as np
import pytest

from epropnp_data.images import Camera, ground_rotation, level_view
from epropnp_det.inference import Detector3D
from epropnp_mm.engine import CheckpointError
from epropnp_results.analysis import Calibration
from epropnp_results.analysis.temperature import calibration_path
from epropnp_results.matching import heading
from epropnp_results.records import from_json, to_json
from small_checkpoint import CONFIG, checkpoint

__all__ = ["checkpoint"]
K = np.array([[350.0, 0, 224], [0, 350, 126], [0, 0, 1]])


def noise(height=252, width=448, seed=0):
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 255, (12, 20, 3), dtype=np.uint8), (width, height))


@pytest.fixture(scope="module")
def infer(repo_dir, checkpoint):
    return Detector3D(str(repo_dir / CONFIG), str(checkpoint), score_thr=0.05)


@pytest.fixture(scope="module")
def found(infer):
    return infer(noise(), K, "one")


def test_records_are_complete_and_fit_the_arrays(found):
    objects = found.result.objects
    assert len(objects) > 3
    assert {len(array) for array in found.arrays.values()} == {len(objects)}
    assert [item.score for item in objects] == sorted((o.score for o in objects), reverse=True)
    item = objects[0]
    assert np.linalg.norm(np.array(item.rotation) @ np.array(item.rotation).T - np.eye(3)) < 1e-9
    assert heading(item, np.eye(3)) == pytest.approx(item.yaw, abs=1e-6)
    assert item.covariance is not None
    assert [interval["level"] for interval in item.intervals] == [0.5, 0.9]
    assert 0 <= item.trust["trust"] <= 1
    assert from_json(json.loads(json.dumps(to_json(found.result)))).width == 448
    names = {"points_image", "points_object", "weights", "poses", "yaw_density", "ground_density"}
    assert names <= set(found.arrays)
    heads = found.arrays["attention"].reshape(len(objects), 4, -1).astype(float)
    assert found.arrays["attention"].shape == found.arrays["weights"].shape[:2]
    assert (heads.sum(-1) < 1 + 1e-2).all()  # less where points lie outside the image
    assert np.median(heads.sum(-1)) > 0.5


def test_the_same_image_gives_the_same_result(infer, found):
    again = infer(noise(), K, "one")
    assert to_json(again.result) == to_json(found.result)
    for name, array in found.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)


def test_images_of_any_size_in_one_batch(infer, found):
    images = [noise(), noise(300, 400, seed=1), np.zeros((252, 448, 3), np.uint8)]
    batch = infer.batch(images, [Camera(K)] * 3, ["a", "b", "c"])
    assert [item.result.name for item in batch] == ["a", "b", "c"]
    assert (batch[1].result.width, batch[1].result.height) == (400, 300)
    for item in batch:
        assert {len(array) for array in item.arrays.values()} == {len(item.result.objects)}
        u, _ = item.arrays["points_image"].reshape(-1, 2).T
        assert u.max(initial=0) < item.result.width + 400
    ours, alone = batch[0].result.objects[0], found.result.objects[0]
    assert ours.label == alone.label
    # beside other images it is padded, and the solver starts from other random numbers
    assert ours.score == pytest.approx(alone.score, abs=0.03)


def test_a_level_camera_needs_no_tilt(infer, found):
    level = infer(noise(), Camera(K, camera_to_ground=ground_rotation(0)), "one")
    for ours, theirs in zip(level.result.objects, found.result.objects, strict=True):
        np.testing.assert_allclose(ours.translation, theirs.translation, rtol=1e-3, atol=1e-3)
        assert ours.score == pytest.approx(theirs.score, abs=1e-5)


@pytest.mark.parametrize("level_images", [True, False])
def test_boxes_of_a_tilted_camera_stand_upright_on_the_ground(infer, monkeypatch, level_images):
    monkeypatch.setattr(infer, "level_images", level_images)
    ground = ground_rotation(10, 5)
    tilted = infer(noise(), Camera(K, camera_to_ground=ground), "tilted")
    assert tilted.result.objects
    np.testing.assert_allclose(tilted.result.camera_to_ground, ground)
    for item in tilted.result.objects:
        turned = ground @ np.array(item.rotation)
        np.testing.assert_allclose(turned[1], [0, 1, 0], atol=1e-6)
        assert heading(item, ground) == pytest.approx(item.yaw, abs=1e-5)


def test_a_tilted_camera_finds_what_its_level_view_shows(infer):
    """The same objects, turned by hand: place, rotation, covariance, points."""
    ground = ground_rotation(10, 5)
    tilted = infer(noise(), Camera(K, camera_to_ground=ground), "tilted")
    view = level_view(noise(), K, ground)
    level = infer(view.image, K, "level")
    pairs = {item.score: index for index, item in enumerate(level.result.objects)}
    assert len(tilted.result.objects) > 3
    for index, item in enumerate(tilted.result.objects):
        theirs = level.result.objects[pairs[item.score]]
        np.testing.assert_allclose(item.translation, ground.T @ theirs.translation, atol=1e-6)
        np.testing.assert_allclose(item.rotation, ground.T @ theirs.rotation, atol=1e-6)
        position, expected = (np.array(o.covariance)[:3, :3] for o in (item, theirs))
        np.testing.assert_allclose(ground @ position @ ground.T, expected, rtol=1e-4, atol=1e-6)
        assert (item.yaw, item.trust) == (theirs.yaw, theirs.trust)
        # a pixel and its direction in space turn alike
        rays = (
            np.concatenate(
                [
                    tilted.arrays["points_image"][index],
                    np.ones((len(tilted.arrays["weights"][0]), 1)),
                ],
                axis=1,
            )
            @ np.linalg.inv(K).T
            @ ground.T
            @ K.T
        )
        np.testing.assert_allclose(
            rays[:, :2] / rays[:, 2:],
            level.arrays["points_image"][pairs[item.score]],
            atol=0.01,
        )


@pytest.mark.parametrize("level_images", [True, False])
def test_boxes_of_a_tilted_camera_cover_their_2d_boxes(infer, monkeypatch, level_images):
    """2D boxes are those of the 3D boxes in the tilted image."""
    monkeypatch.setattr(infer, "level_images", level_images)
    from epropnp_results.records import corners

    tilted = infer(noise(), Camera(K, camera_to_ground=ground_rotation(10)), "tilted")
    checked = 0
    for item in tilted.result.objects:
        points = corners(item)
        if points[:, 2].min() < 0.5:
            continue
        pixels = (points @ K.T)[:, :2] / points[:, 2:]
        low, high = np.clip(pixels.min(0), 0, (448, 252)), np.clip(pixels.max(0), 0, (448, 252))
        np.testing.assert_allclose(item.bbox, [*low, *high], atol=0.05)
        checked += 1
    assert checked


def test_distorted_images_are_made_straight(infer):
    camera = Camera(K, np.array([-0.2, 0.05, 0, 0]))
    bent = infer(noise(), camera, "bent")
    assert (bent.image != noise()).any()
    straight = infer(bent.image, K, "bent")
    assert to_json(straight.result) == to_json(bent.result)


def test_a_checkpoint_of_another_model_is_refused(repo_dir, checkpoint):
    other = "configs/epropnp_det/epropnp-det-v2_r18-fpn_overfit_real-samples.py"
    with pytest.raises(CheckpointError, match="another model"):
        Detector3D(str(repo_dir / other), str(checkpoint))


def test_a_calibration_beside_the_checkpoint_is_used(found, repo_dir, checkpoint, tmp_path):
    """Only the class that has another temperature changes, and its poses stay."""
    copy = tmp_path / "copy.pth"
    copy.write_bytes(checkpoint.read_bytes())
    chosen = found.result.objects[0].label
    temperatures = {"all": 1.0, chosen: 5.0}
    levels = {"place": {"0.9": 0.97}, "heading": {"0.9": 0.5}}
    Calibration({"place": temperatures, "heading": temperatures}, levels, 100).save(
        calibration_path(copy)
    )
    calibrated = Detector3D(str(repo_dir / CONFIG), str(copy), score_thr=0.05)(noise(), K, "one")
    assert len({item.label for item in found.result.objects}) > 1
    changed = set()
    for ours, theirs in zip(calibrated.result.objects, found.result.objects, strict=True):
        assert ours.translation == theirs.translation
        half, most = ours.intervals
        assert most["yaw"] == half["yaw"]  # held-out truths needed 50 % regions for 90 %
        assert (most["heading_level"], most["place_level"]) == (0.5, 0.97)
        if not np.isclose(ours.trust["effective_samples"], theirs.trust["effective_samples"]):
            changed.add(ours.label)
    assert changed == {chosen}
