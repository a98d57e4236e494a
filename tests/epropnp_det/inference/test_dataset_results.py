"""Results of a test split: every image with its truth, gone on with after a stop."""

import numpy as np
import pytest
from mmengine.config import Config

from epropnp_det.inference import Detector3D, write_dataset_results
from epropnp_results import match_objects
from epropnp_results.matching import heading
from epropnp_results.records import center
from epropnp_results.space import ground_to_plane
from epropnp_tools.cli import set_data_root
from nuscenes_data import load_tables, nuscenes_root
from small_checkpoint import CONFIG, checkpoint

__all__ = ["checkpoint", "nuscenes_root"]


@pytest.fixture(scope="module")
def results(repo_dir, checkpoint, nuscenes_root, tmp_path_factory):
    cfg = Config.fromfile(repo_dir / CONFIG)
    set_data_root(cfg, f"{nuscenes_root}/")
    cfg.test_dataloader.dataset.indices = 6
    infer = Detector3D(cfg, str(checkpoint), score_thr=0.2)
    folder = tmp_path_factory.mktemp("results")
    return write_dataset_results(infer, cfg, folder, "small.pth"), cfg, infer


def test_all_cameras_of_a_moment_with_their_truth(results):
    records = list(results[0])
    assert len(records) == 6
    assert len({record.group for record in records}) == 1
    assert len({record.camera for record in records}) == 6
    assert sum(len(record.truth) for record in records) > 3
    assert all(results[0].image_path(record).is_file() for record in records)


def test_truth_is_where_the_tables_say(results, nuscenes_root):
    """Through the plane of the vehicle, to the annotations in the global frame."""
    nusc = load_tables(nuscenes_root)
    for record in results[0]:
        sample = nusc.get("sample", record.group)
        data = nusc.get("sample_data", sample["data"][record.camera])
        _, boxes, _ = nusc.get_sample_data(data["token"])
        places = np.array([box.center for box in boxes])
        for box in record.truth:
            nearest = np.linalg.norm(places - center(box), axis=1).argmin()
            np.testing.assert_allclose(center(box), places[nearest], atol=0.02)
            ahead = boxes[nearest].rotation_matrix[:, 0]
            assert heading(box, np.eye(3)) == pytest.approx(
                np.arctan2(-ahead[2], ahead[0]), abs=0.02
            )
        angle = np.arctan2(*ground_to_plane(record)[:2, 1])  # of the view, clockwise from ahead
        expected = dict(FRONT=0, FRONT_RIGHT=55, FRONT_LEFT=-55, BACK=180, BACK_LEFT=-110)
        expected["BACK_RIGHT"] = 110
        turn = np.degrees(angle) - expected[record.camera.removeprefix("CAM_")]
        assert abs((turn + 180) % 360 - 180) < 10


def test_perfect_detections_match_all_truth(results):
    from dataclasses import replace

    from epropnp_results import ObjectResult

    record = max(results[0], key=lambda record: len(record.truth))
    found = [
        ObjectResult(b.label, 0.9, b.translation, b.rotation, b.size, yaw=heading(b, np.eye(3)))
        for b in record.truth
    ]
    matches = match_objects(replace(record, objects=found))
    assert all(match.position_error < 1e-6 and match.angle_error < 1e-6 for match in matches)


def test_going_on_infers_nothing_twice(results):
    folder, cfg, _ = results

    def fail(*arguments):
        raise AssertionError("inferred again")

    fail.classes, fail.score_thr, fail.calibration = folder.header["classes"], 0.2, None
    again = write_dataset_results(fail, cfg, folder.path, "small.pth")
    assert len(again) == 6
