"""Truth as predictions scores perfectly; known errors come out as they were put in."""

import json

import numpy as np
import pytest
import torch
from mmdet3d.registry import METRICS
from mmdet3d.structures import CameraInstance3DBoxes

from custom_data import custom_set, write_set
from epropnp_data.custom import read_custom, write_custom
from epropnp_data.errors import DatasetError
from epropnp_det.datasets.custom_annotations import ground_of
from epropnp_det.datasets.custom_mono import metainfo_of
from epropnp_mm.order.partial_results import PartialResults

ATTRIBUTES = {"shut": [0.0, 1], "open": [1.0, 0]}


@pytest.fixture
def folder(tmp_path):
    return write_set(tmp_path)


def build(folder, **options):
    settings = dict(data_root=str(folder), ann_file=str(folder / "set.json"), **options)
    metric = METRICS.build(dict(type="Mono3DMetric", _scope_="mmdet3d", **settings))
    metric.dataset_meta = metainfo_of(read_custom(folder / "set.json"))
    return metric


def predictions(folder, shift=(0.0, 0, 0), turn=0.0, scale=1.0, with_ignored=False, cov=None):
    """What a detector of known errors says; ``shift`` is along the axes of the ground frame."""
    for image in custom_set(folder / "set.json").images:
        ground = np.eye(3) if ground_of(image) is None else ground_of(image)
        objects = [item for item in image.objects if with_ignored or not item.ignore]
        rows = []
        for item in objects:
            rotation = ground @ item.rotation
            yaw = np.arctan2(-rotation[2, 0], rotation[0, 0]) + turn
            velocity = [0.0, 0] if item.velocity is None else item.velocity
            rows.append(
                [*(ground @ item.center_cam + shift), *(scale * item.size_lhw), yaw, *velocity]
            )
        fields = dict(
            bboxes_3d=CameraInstance3DBoxes(
                torch.tensor(np.array(rows)), box_dim=9, origin=(0.5, 0.5, 0.5)
            ),
            scores_3d=torch.linspace(0.9, 0.5, len(rows)),
            labels_3d=torch.tensor([item.label for item in objects]),
            attr_logits=torch.tensor([ATTRIBUTES[item.attribute or "shut"] for item in objects]),
        )
        if cov is not None:
            fields["pose_cov"] = torch.tensor(cov).expand(len(rows), 4, 4)
        sample = dict(img_path=str(folder / image.file_name), pred_instances_3d=fields)
        yield sample


def evaluate(metric, samples):
    for sample in samples:
        metric.process(None, [sample])
    return metric.evaluate(len(metric.results))


def test_truth_scores_perfectly(folder):
    scores = evaluate(build(folder), predictions(folder, with_ignored=True))
    assert scores["Mono3D/mAP_distance"] == 1
    assert scores["Mono3D/mAP_overlap"] == 1
    for name in ("mATE", "mASE", "mAOE", "mAVE", "mAAE"):
        assert scores[f"Mono3D/{name}"] == pytest.approx(0, abs=1e-5)
    assert scores["Mono3D/classes_present"] == 2


def test_known_errors_are_measured(folder):
    samples = predictions(folder, shift=(0.42, 0.1, -0.56), turn=0.3, scale=1.1)
    scores = evaluate(build(folder), samples)
    assert scores["Mono3D/mATE"] == pytest.approx(0.7, abs=1e-5)  # on the ground
    assert scores["Mono3D/mAOE"] == pytest.approx(0.3, abs=1e-5)
    assert scores["Mono3D/mASE"] == pytest.approx(1 - 1 / 1.1**3, abs=1e-5)
    assert scores["Mono3D/crate/AP_0.5m"] == 0
    assert scores["Mono3D/crate/AP_1m"] == 1
    assert scores["Mono3D/crate/AP_iou0.5"] == 0


def test_what_is_far_or_ignored_does_not_count(folder):
    near = custom_set(folder / "set.json")
    crates = near.categories[0].__class__("crate", ("open", "shut"), 8.5)
    write_custom(near.__class__(near.path, (crates, near.categories[1]), near.images))
    samples = list(predictions(folder, with_ignored=True))
    scores = evaluate(build(folder), samples)
    assert scores["Mono3D/crate/AP_0.5m"] == 1  # the tilted one, 9 m away, is out of range
    small = evaluate(build(folder, counted=dict(min_size=1000)), samples)
    assert np.isnan(small["Mono3D/mAP_distance"])
    assert small["Mono3D/classes_present"] == 0


def test_covariances_are_those_of_the_ground_and_the_heading(folder):
    cov = np.arange(16.0).reshape(4, 4) + 20 * np.eye(4)
    metric = build(folder)
    for sample in predictions(folder, cov=cov @ cov.T):
        metric.process(None, [sample])
    found = dict(metric.results)[str(folder / "tilted.png")]
    np.testing.assert_allclose(found.covariances[0], np.delete(np.delete(cov @ cov.T, 1, 0), 1, 1))
    scores = metric.evaluate(2)
    assert scores["Mono3D/calibration/place_in_50"] == 1  # errors of zero lie in any region


def test_images_that_were_not_tested_count_as_empty(folder):
    (level, _) = predictions(folder)
    scores = evaluate(build(folder), [level])
    assert scores["Mono3D/crate/AP_1m"] == pytest.approx(51 / 101)  # one of two
    assert scores["Mono3D/robot/AP_1m"] == 1


def test_detections_and_scores_are_written(folder, tmp_path):
    evaluate(build(folder, out_dir=str(tmp_path / "out")), predictions(folder))
    written = json.loads((tmp_path / "out" / "detections.json").read_text())
    (record,) = written[str(folder / "tilted.png")]
    truth = custom_set(folder / "set.json").images[1].objects[0]
    np.testing.assert_allclose(record["center_cam"], truth.center_cam, atol=1e-5)
    np.testing.assert_allclose(record["R_cam"], truth.rotation, atol=1e-5)
    assert record["attribute"] == "shut"
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["mAP_distance"] == 1


def test_files_that_do_not_fit_are_named(folder, tmp_path):
    metric = build(folder)
    with pytest.raises(DatasetError, match=r"set\.json: has no image '/other\.png'"):
        metric.process(None, [dict(img_path="/other.png")])
    metric.dataset_meta = dict(classes=("crate", "tram"))
    with pytest.raises(DatasetError, match=r"set\.json: has no category 'tram'"):
        metric.process(None, list(predictions(folder)))
    (tmp_path / "bare").mkdir()
    bare = write_set(tmp_path / "bare", annotated=False)
    samples = [
        {**sample, "img_path": str(bare / name)}
        for sample, name in zip(predictions(folder), ("level.png", "tilted.png"), strict=True)
    ]
    with pytest.raises(DatasetError, match="has no annotations to score against.*--format-only"):
        evaluate(build(bare), samples)
    assert evaluate(build(bare, format_only=True, out_dir=str(tmp_path)), samples) == {}
    assert (tmp_path / "detections.json").is_file()
    with pytest.raises(ValueError, match="format_only needs out_dir"):
        build(folder, format_only=True)


def test_results_of_a_batch_can_be_kept(folder, tmp_path):
    """As tools/test.py keeps them, so that an interrupted test goes on."""
    metric = build(folder)
    for sample in predictions(folder, cov=np.eye(4)):
        metric.process(None, [sample])
    kept = PartialResults(tmp_path / "parts", dict(of="test"), metric.result_types)
    kept.save(0, [metric.results])
    (again,) = kept.load(0)
    for (path, boxes), (path_again, boxes_again) in zip(metric.results, again, strict=True):
        assert path == path_again
        for before, after in zip(boxes, boxes_again, strict=True):
            np.testing.assert_array_equal(before, after)
