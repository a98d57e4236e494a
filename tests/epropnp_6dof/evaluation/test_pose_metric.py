"""Metric on the generated data: perfect poses, misses, result file, objects without mesh."""

import json
import shutil

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from epropnp_6dof.bop import read_results, read_scene
from epropnp_6dof.datasets.transforms.packing import pose_vector
from epropnp_6dof.evaluation.pose_metric import BOPPoseMetric


def predictions(bop_root, change=lambda pose: pose):
    """Data samples as a test loop gives them, one for every annotation of the test split."""
    return [
        dict(
            scene_id=image.scene_id,
            im_id=image.im_id,
            obj_id=instance.obj_id,
            score=1.0,
            pred_pose=change(pose_vector(*instance.pose)),
            pred_valid=torch.tensor(True),
        )
        for image in read_scene(bop_root / "test" / "000002")
        for instance in image.instances
    ]


def score(metric, samples):
    metric.process({}, samples)
    return metric.evaluate(size=len(samples))


def test_true_poses_score_everything_and_are_written(bop_root, tmp_path):
    metric = BOPPoseMetric(str(bop_root), "test", out_dir=str(tmp_path))
    samples = predictions(bop_root)
    result = score(metric, samples)
    assert result["6dof/add_0.02d"] == result["6dof/5deg5cm"] == result["6dof/AR_MSSD"] == 100
    assert result["6dof/AR_VSD"] == result["6dof/AR"] == 100
    assert result["6dof/ar_vsd"] == result["6dof/ar_mspd"] == 100  # mean over objects
    assert result["6dof/count"] == len(samples)
    written = read_results(tmp_path / "results_bop.csv")
    assert len(written) == len(samples)
    truth = read_scene(bop_root / "test" / "000002")[0].instances[0].pose
    np.testing.assert_allclose(written[0].pose.rotation, truth.rotation, atol=1e-6)
    np.testing.assert_allclose(written[0].pose.translation, truth.translation, atol=1e-6)


def test_result_file_is_read_as_the_toolkit_reads_it(bop_root, tmp_path):
    """Comma separated, seven fields, blanks inside R and t, one time per image."""
    metric = BOPPoseMetric(str(bop_root), "test", out_dir=str(tmp_path), format_only=True)
    samples = predictions(bop_root)
    score(metric, samples)
    header, *lines = (tmp_path / "results_bop.csv").read_text().splitlines()
    assert header == "scene_id,im_id,obj_id,score,R,t,time"
    times = {}
    for line in lines:
        scene_id, im_id, _, _, rotation, translation, time = line.split(",")
        matrix = np.array(rotation.split(), float).reshape(3, 3)
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-5)
        assert 300 < float(translation.split()[2]) < 1000  # millimetres
        times.setdefault((scene_id, im_id), set()).add(time)
    assert len(lines) == len(samples)
    assert all(len(values) == 1 for values in times.values())


def test_three_centimetres_and_four_degrees_count_as_five_and_not_as_two(bop_root):
    def change(pose):
        quaternion = Rotation.from_quat(pose[3:].numpy()[[1, 2, 3, 0]])
        turned = (quaternion * Rotation.from_rotvec([0, np.radians(4), 0])).as_quat()
        moved = pose[:3] + torch.tensor([0, 0, 0.03])
        return torch.cat((moved, torch.tensor(turned[[3, 0, 1, 2]]).float()))

    result = score(BOPPoseMetric(str(bop_root), "test"), predictions(bop_root, change))
    assert result["6dof/5deg5cm"] == 100
    assert result["6dof/2deg2cm"] == 0
    assert result["6dof/add_0.1d"] == 0
    assert 0 < result["6dof/AR_VSD"] < 60
    mean = np.mean([result[f"6dof/AR_{name}"] for name in ("VSD", "MSSD", "MSPD")])
    assert result["6dof/AR"] == pytest.approx(mean)


def test_missing_and_invalid_poses_are_misses(bop_root):
    samples = predictions(bop_root)
    samples[0]["pred_valid"] = torch.tensor(False)
    result = score(BOPPoseMetric(str(bop_root), "test"), samples[:3])
    assert result["6dof/add_0.1d"] == pytest.approx(100 * 2 / 6)
    assert result["6dof/AR_MSPD"] == pytest.approx(100 * 2 / 6)


def test_format_only_writes_and_does_not_score(bop_root, tmp_path):
    metric = BOPPoseMetric(str(bop_root), "test", out_dir=str(tmp_path), format_only=True)
    assert score(metric, predictions(bop_root)) == {}
    assert (tmp_path / "results_bop.csv").is_file()


def test_selection_and_targets_limit_what_counts(bop_root):
    selected = BOPPoseMetric(str(bop_root), "test", selection=dict(obj_ids=(2,)))
    assert score(selected, predictions(bop_root))["6dof/count"] == 2
    target = [dict(scene_id=2, im_id=1, obj_id=3, inst_count=1)]
    (bop_root / "targets_of_test.json").write_text(json.dumps(target))
    targeted = BOPPoseMetric(str(bop_root), "test", targets="targets_of_test.json")
    assert score(targeted, predictions(bop_root))["6dof/count"] == 1


def test_object_without_mesh_is_measured_by_its_box(bop_root):
    bare = bop_root / "models_box"
    bare.mkdir()
    shutil.copy(bop_root / "models" / "models_info.json", bare)
    metric = BOPPoseMetric(str(bop_root), "test", models_dir="models_box")
    result = score(metric, predictions(bop_root))
    assert result["6dof/add_0.02d"] == result["6dof/AR_MSSD_MSPD"] == 100
    assert "6dof/AR" not in result  # no depth of a box
