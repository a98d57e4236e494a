"""Data samples become pictures through mmengine's visualizer and the hooks of both projects."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmdet3d.structures import CameraInstance3DBoxes
from mmengine.registry import HOOKS, VISUALIZERS
from mmengine.structures import InstanceData
from mmengine.visualization import Visualizer

from det_small import make_sample
from epropnp_data.nuscenes.taxonomy import CLASSES
from epropnp_results.pictures.palette import FOUND, TRUTH


@pytest.fixture
def sample(tmp_path):
    """Two annotated objects, and a detection beside the first one."""
    sample = make_sample()
    cv2.imwrite(str(tmp_path / "a.png"), np.full((128, 256, 3), 30, np.uint8))
    sample.set_metainfo(dict(img_path=str(tmp_path / "a.png")))
    box = torch.tensor([[-1.5, 0.5, 9, 4, 1.6, 1.8, 0.3]])
    sample.pred_instances_3d = InstanceData(
        bboxes_3d=CameraInstance3DBoxes(box, box_dim=7, origin=(0.5, 0.5, 0.5)),
        scores_3d=torch.tensor([0.7]),
        labels_3d=torch.tensor([0]),
    )
    return sample


def build(folder, backend="LocalVisBackend"):
    visualizer = VISUALIZERS.build(
        dict(
            type="DetectionVisualizer",
            vis_backends=[dict(type=backend, _scope_="mmengine")],
            save_dir=str(folder),
            name=folder.name,
            _scope_="mmdet3d",
        )
    )
    visualizer.dataset_meta = dict(classes=CLASSES)
    return visualizer


def count(path, color):
    picture = cv2.imread(str(path)).astype(int)
    return (np.abs(picture - color).max(-1) < 60).sum()


@pytest.mark.parametrize(
    ("options", "found", "truth"),
    [({}, True, True), ({"draw_gt": False}, True, False), ({"pred_score_thr": 0.8}, False, True)],
)
def test_boxes_and_truth_go_to_a_file(sample, tmp_path, options, found, truth):
    image = np.full((128, 256, 3), 30, np.uint8)
    path = tmp_path / "out.png"
    build(tmp_path).add_datasample("x", dict(img=image), sample, out_file=str(path), **options)
    assert cv2.imread(str(path)).shape == (3 * 128, 3 * (256 + 128), 3)
    legend = 40  # the word for each colour is always there
    assert (count(path, FOUND) > 60 + legend) == found
    assert (count(path, TRUTH) > 60 + legend) == truth


def test_hook_draws_every_so_many_batches_into_the_backends(sample, tmp_path):
    class Run:
        visualizer = build(tmp_path)
        iter = 7

    hook = HOOKS.build(dict(type="DrawResultsHook", interval=2, _scope_="mmdet3d"))
    for index in range(4):
        hook.after_test_iter(Run, index, {}, [sample])
    hook.after_val_iter(Run, 1, {}, [sample])
    names = sorted(path.name for path in tmp_path.rglob("*_*_*.png"))
    assert len(names) == 3
    assert all(count(path, FOUND) > 60 for path in tmp_path.rglob("*_*_*.png"))


def test_hook_writes_every_image_into_a_folder(sample, tmp_path):
    class Run:
        visualizer = build(tmp_path / "vis")
        iter = 7

    hook = HOOKS.build(
        dict(type="DrawResultsHook", interval=1, out_dir=str(tmp_path / "o"), _scope_="mmdet3d")
    )
    hook.after_test_iter(Run, 3, {}, [sample])
    assert count(tmp_path / "o" / "000003_00_a.jpg", FOUND) > 60


def test_tensorboard_gets_the_picture(sample, tmp_path):
    """What the event file holds, read by TensorBoard's own reader."""
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    visualizer = build(tmp_path, "TensorboardVisBackend")
    image = np.full((128, 256, 3), 30, np.uint8)
    visualizer.add_datasample("val_3", dict(img=image), sample, step=40)
    visualizer.close()
    (events,) = tmp_path.rglob("events.out.tfevents.*")
    reader = reading.EventAccumulator(str(events.parent), size_guidance=dict(images=0)).Reload()
    (stored,) = reader.Images("val_3")
    assert stored.step == 40
    picture = cv2.imdecode(np.frombuffer(stored.encoded_image_string, np.uint8), cv2.IMREAD_COLOR)
    expected = visualizer.draw_result(image, sample, 0.2, True, True)
    np.testing.assert_array_equal(picture, expected)


def test_hooks_refuse_other_visualizers(tmp_path):
    class Run:
        visualizer = Visualizer(f"plain {tmp_path.name}")

    for name in ("DrawResultsHook", "DrawTrainingHook"):
        hook = HOOKS.build(dict(type=name, interval=1, _scope_="mmdet3d"))
        with pytest.raises(ValueError, match="visualizer is Visualizer, .*PoseVisualizer"):
            hook.before_run(Run)


def test_training_is_drawn_and_does_not_notice(tmp_path):
    """Targets and predictions in the input; the same random numbers follow, the mode is kept."""
    sample = make_sample()
    predicted = torch.tensor([[-1.5, 0.5, 9, 4, 1.6, 1.8, 0.3]])

    class Network(torch.nn.Module):
        def test_step(self, data):
            assert not self.training
            torch.rand(5)
            (known,) = data["data_samples"]
            assert "gt_instances_3d" not in known
            known.pred_instances_3d = InstanceData(
                bboxes_3d=CameraInstance3DBoxes(predicted, box_dim=7, origin=(0.5, 0.5, 0.5)),
                scores_3d=torch.tensor([0.7]),
            )
            return [known]

    class Run:
        visualizer = build(tmp_path)
        iter = 3
        model = Network().train()
        train_dataloader = SimpleNamespace(
            dataset=SimpleNamespace(metainfo=dict(classes=["car"] * 10))
        )

    batch = dict(
        inputs=dict(img=[torch.full((3, 128, 256), 30, dtype=torch.uint8)]), data_samples=[sample]
    )
    hook = HOOKS.build(dict(type="DrawTrainingHook", interval=4, _scope_="mmdet3d"))
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    hook.after_train_iter(Run, 0, batch)
    assert torch.equal(torch.rand(2), expected)
    assert Run.model.training
    (path,) = tmp_path.rglob("train_4.png")
    assert count(path, FOUND) > 60
    assert count(path, TRUTH) > 60
    Run.iter = 4
    hook.after_train_iter(Run, 0, batch)
    assert len(list(tmp_path.rglob("train_*.png"))) == 1


def test_hook_of_mmdet3d_draws_too(sample, tmp_path):
    image = torch.full((3, 128, 256), 30, dtype=torch.uint8)
    build(tmp_path).add_datasample(
        "test sample",
        dict(img=image),
        data_sample=sample,
        show=False,
        vis_task="mono_det",
        wait_time=0,
        pred_score_thr=0.3,
        out_file=str(tmp_path / "out.png"),
        o3d_save_path=None,
        step=1,
    )
    assert (tmp_path / "out.png").is_file()


def test_missing_camera_and_bad_interval_are_said(sample, tmp_path):
    del sample.cam_intrinsic
    with pytest.raises(ValueError, match="neither cam_intrinsic nor cam2img"):
        build(tmp_path).add_datasample("x", dict(img=np.zeros((4, 4, 3), np.uint8)), sample)
    with pytest.raises(ValueError, match="at least 1"):
        HOOKS.build(dict(type="DrawResultsHook", interval=0, _scope_="mmdet3d"))
