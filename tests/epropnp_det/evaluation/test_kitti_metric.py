"""KITTI's official scores on a processor, and what the stand-in for CUDA computes."""

import sys

import numpy as np
import pytest
import torch
from mmcv.ops import box_iou_rotated
from mmdet3d.registry import METRICS
from mmdet3d.structures import CameraInstance3DBoxes

from epropnp_data.errors import DatasetError
from epropnp_data.kitti import KittiLabel, read_labels, write_labels
from epropnp_det.evaluation.kitti_overlap import MODULE, rotated_overlap, without_cuda

K, OFFSET = np.array([[700.0, 0, 600], [0, 700, 180], [0, 0, 1]]), np.array([0.06, 0, 0.003])
CLASSES = ("Car", "Pedestrian", "Cyclist")


def random_boxes(count, seed):
    rng = np.random.default_rng(seed)
    sizes = rng.uniform(1, 3, (count, 2))
    return np.column_stack([rng.normal(size=(count, 2)), sizes, rng.uniform(-4, 4, count)])


def test_overlap_is_that_of_mmcv():
    """mmcv's angle turns the other way; it counts in float32."""
    first, second = random_boxes(12, 0), random_boxes(9, 1)
    mirrored = [torch.from_numpy(b * [1, 1, 1, 1, -1]).float() for b in (first, second)]
    expected = box_iou_rotated(*mirrored).numpy()
    np.testing.assert_allclose(rotated_overlap(first, second), expected, atol=1e-4)
    area = first[:, 2] * first[:, 3]
    shared = rotated_overlap(first, second, 2)
    np.testing.assert_allclose(rotated_overlap(first, second, 0), shared / area[:, None], rtol=1e-5)
    turned = rotated_overlap(second, first, 1)
    np.testing.assert_allclose(rotated_overlap(first, second, 0), turned.T, rtol=1e-5, atol=1e-6)
    assert rotated_overlap(first, np.zeros((0, 5))).shape == (12, 0)


def test_stand_in_leaves_again():
    before = sys.modules.get(MODULE)
    with without_cuda():
        pass
    assert sys.modules.get(MODULE) is before


@pytest.fixture
def root(tmp_path):
    """Twelve images of four cars and four pedestrians, all of them easy, and one without any.

    The 41 recalls of the official score ask for as many objects.
    """
    for name in ("label_2", "calib", "image_2"):
        (tmp_path / "training" / name).mkdir(parents=True)
    projection = np.column_stack([K, K @ OFFSET])
    for number in range(13):
        labels = [make_label(i, number) for i in range(8)] if number < 12 else []
        write_labels(tmp_path / f"training/label_2/{number:06d}.txt", labels)
        line = "P2: " + " ".join(map(str, projection.ravel())) + "\n"
        (tmp_path / f"training/calib/{number:06d}.txt").write_text(line)
    return tmp_path


def make_label(index, image):
    yaw, x, z = 0.7 * index - 2, 4.0 * index - 14, 12 + 0.5 * image
    size = (1.5, 1.6, 4.0) if index % 2 else (1.8, 0.7, 0.8)
    u = 600 + 700 * (x + OFFSET[0]) / z
    return KittiLabel(
        kind="Car" if index % 2 else "Pedestrian",
        truncated=0.0,
        occluded=0,
        alpha=float((yaw - np.arctan2(x, z) + np.pi) % (2 * np.pi) - np.pi),
        bbox=(u - 30, 150, u + 30, 240),
        size_hwl=size,
        location=(x, 1.6, z),
        rotation_y=yaw,
    )


def predictions(root, shift=0.0):
    """The labels as a detector with the camera of the images would predict them."""
    for path in sorted((root / "training/label_2").iterdir()):
        labels = read_labels(path)
        rows = [
            [*(np.array(label.location) + OFFSET + [shift, 0, 0]),
             *np.array(label.size_hwl)[[2, 0, 1]], label.rotation_y]
            for label in labels
        ]  # fmt: skip
        yield dict(
            img_path=str(root / "training/image_2" / f"{path.stem}.png"),
            pred_instances_3d=dict(
                bboxes_3d=CameraInstance3DBoxes(torch.tensor(rows).reshape(-1, 7)),
                scores_3d=torch.linspace(0.9, 0.6, len(rows)),
                labels_3d=torch.tensor([CLASSES.index(label.kind) for label in labels]).long(),
                bboxes=torch.tensor([label.bbox for label in labels]).reshape(-1, 4),
            ),
        )


def evaluate(root, samples, **options):
    metric = METRICS.build(
        dict(type="KittiMonoMetric", _scope_="mmdet3d", data_root=str(root), **options)
    )
    metric.dataset_meta = dict(classes=CLASSES)
    for sample in samples:
        metric.process(None, [sample])
    return metric.evaluate(len(metric.results))


@pytest.mark.slow
def test_truth_scores_perfectly_and_moved_boxes_do_not(root, tmp_path):
    scores = evaluate(root, predictions(root), out_dir=str(tmp_path / "out"))
    for name in ("Car_3D", "Car_BEV", "Pedestrian_2D"):
        assert scores[f"Kitti/{name}_AP40_easy_strict"] == pytest.approx(100, abs=1e-3)
    written = read_labels(tmp_path / "out/kitti_results/data/000001.txt")
    truth = read_labels(root / "training/label_2/000001.txt")
    for line, label in zip(written, truth, strict=True):
        np.testing.assert_allclose(line.location, label.location, atol=1e-3)
        assert line.alpha == pytest.approx(label.alpha, abs=1e-3)
        assert line.score > 0.5
    assert read_labels(tmp_path / "out/kitti_results/data/000012.txt") == []
    # half a metre along x: cars still overlap by a quarter, pedestrians hardly
    moved = evaluate(root, predictions(root, shift=0.5))
    assert moved["Kitti/Car_3D_AP40_easy_strict"] < 50
    assert moved["Kitti/Pedestrian_3D_AP40_easy_strict"] == 0
    assert moved["Kitti/Car_2D_AP40_easy_strict"] == pytest.approx(100, abs=1e-3)


def test_format_only_and_what_does_not_fit(root, tmp_path):
    assert evaluate(root, predictions(root), format_only=True, out_dir=str(tmp_path / "o")) == {}
    assert (tmp_path / "o/kitti_results/data/000000.txt").is_file()
    with pytest.raises(ValueError, match="format_only needs out_dir"):
        evaluate(root, [], format_only=True)
    with pytest.raises(DatasetError, match=r"is not in .*/training/image_2"):
        evaluate(root / "other", predictions(root))
