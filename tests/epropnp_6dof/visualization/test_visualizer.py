"""The 6DoF network's data samples as pictures: marks are where the data set's poses put them."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, HOOKS, VISUALIZERS
from mmengine.structures import BaseDataElement

from epropnp_6dof.models import EPnPRefineSolver
from epropnp_6dof.visualization.network_input import crop_camera
from epropnp_data.geometry.camera import project_points
from epropnp_results.pictures.palette import FOUND, TRUTH

CELLS, INPUT = 24, 96


@pytest.fixture(scope="module")
def batch(bop_root):
    """Two augmented crops of the training set with their targets."""
    steps = [dict(type="LoadBOPImage"), dict(type="LoadObjectCoordinates")]
    steps.append(dict(type="CropObject", input_size=INPUT, output_size=CELLS, train=True))
    steps.append(dict(type="PackPoseInputs"))
    dataset = DATASETS.build(
        dict(
            type="BOPDataset",
            data_root=str(bop_root),
            split="train",
            pipeline=steps,
            selection=dict(min_visib=0.9),
            _scope_="mmdet3d",
        )
    )
    return pseudo_collate([dataset[0], dataset[1]])


class Oracle(torch.nn.Module):
    """Predicts the annotated pose, and maps of zeros."""

    def __init__(self, truths):
        super().__init__()
        self.truths = {(s.im_id, s.obj_id): s.crop.poses_gt for s in truths}
        self.solver = EPnPRefineSolver(pnp=dict(mc_samples=64))

    def test_step(self, data):
        assert not self.training
        torch.rand(5)
        for sample in data["data_samples"]:
            assert not {"poses_gt", "noc_gt", "mask_gt"} & set(sample.crop.keys())
            sample.pred_pose = self.truths[sample.im_id, sample.obj_id]
            sample.pred_valid = torch.tensor(True)
            sample.pred_maps = BaseDataElement(
                noc=torch.rand(3, CELLS, CELLS, generator=torch.manual_seed(0)) - 0.5,
                weight_logits=torch.zeros(2, CELLS, CELLS),
                scale=torch.ones(2),
            )
        return data["data_samples"]


def build(folder):
    local = dict(type="LocalVisBackend", _scope_="mmengine")
    cfg = dict(type="PoseVisualizer", vis_backends=[local], save_dir=str(folder), _scope_="mmdet3d")
    return VISUALIZERS.build(cfg | dict(name=folder.name))


def count(picture, color):
    return (np.abs(picture.astype(int) - color).max(-1) < 60).sum()


def test_camera_of_the_crop_sees_coordinates_where_the_targets_are(batch):
    """Target coordinates, moved by the true pose, project to the middle of their cells."""
    for sample in batch["data_samples"]:
        crop = sample.crop
        rows, columns = np.nonzero(crop.mask_gt[0].numpy() > 0.99)
        points_obj = crop.noc_gt.numpy()[:, rows, columns].T * crop.coord_scale.numpy()
        turn = rotation_of(crop.poses_gt[3:].numpy())
        points_cam = points_obj @ turn.T + crop.poses_gt[:3].numpy()
        pixels = project_points(points_cam.astype(float), crop_camera(sample, 10 * CELLS))
        apart = pixels - 10 * (np.stack([columns, rows], 1) + 0.5)
        assert np.abs(np.median(apart, axis=0)).max() < 1  # a tenth of a cell


def rotation_of(quaternion):
    """By OpenCV: unit quaternion (w, x, y, z) to a matrix."""
    angle = 2 * np.arctan2(np.linalg.norm(quaternion[1:]), quaternion[0])
    return cv2.Rodrigues(angle * quaternion[1:] / np.linalg.norm(quaternion[1:]))[0]


def test_training_is_drawn_and_does_not_notice(batch, tmp_path):
    visualizer = build(tmp_path)
    run = SimpleNamespace(
        visualizer=visualizer, iter=3, model=Oracle(batch["data_samples"]).train()
    )
    hook = HOOKS.build(dict(type="DrawTrainingHook", interval=4, _scope_="mmdet3d"))
    hook.before_run(run)
    assert visualizer.solver is run.model.solver
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    hook.after_train_iter(run, 0, batch)
    assert torch.equal(torch.rand(2), expected)
    assert run.model.training
    assert "poses_gt" in batch["data_samples"][0].crop
    (path,) = tmp_path.rglob("train_4.png")
    picture = cv2.imread(str(path))
    assert picture.shape == (256, 4 * 256, 3)  # crop, target coordinates, coordinates, weights
    assert count(picture[:, :256], FOUND) > 60
    targets = visualizer.draw_input(np.zeros((INPUT, INPUT, 3), np.uint8), batch["data_samples"][0])
    assert targets.shape == (256, 2 * 256, 3)
    assert count(targets[:, :256], TRUTH) > 60
    assert count(targets[:, :256], FOUND) == 0
    grey = (np.abs(targets[:, 256:].astype(int) - 127).max(-1) < 2).mean()
    assert grey < 0.01  # what is not on the object is black


def test_hook_of_the_test_draws_each_object_with_its_pose(batch, tmp_path):
    model = Oracle(batch["data_samples"]).eval()
    run = SimpleNamespace(visualizer=build(tmp_path / "vis"), iter=0, model=model)
    samples = [run.visualizer.without_truth(sample) for sample in batch["data_samples"]]
    model.test_step(dict(data_samples=samples))
    for sample, known in zip(samples, batch["data_samples"], strict=True):
        sample.crop.poses_gt = known.crop.poses_gt.clone()
        sample.crop.poses_gt[0] += 0.03  # so that one box does not cover the other
    hook = dict(type="DrawResultsHook", interval=1, out_dir=str(tmp_path / "o"), _scope_="mmdet3d")
    hook = HOOKS.build(hook)
    hook.before_run(run)
    hook.after_test_iter(run, 2, {}, samples)
    paths = sorted((tmp_path / "o").iterdir())
    assert [path.name[:10] for path in paths] == ["000002_00_", "000002_01_"]
    height, width = cv2.imread(samples[0].img_path).shape[:2]
    for path in paths:
        picture = cv2.imread(str(path))
        assert picture.shape[1] == 2 * width + 3 * height  # two lines of panels
        image = picture[:-40, : 2 * width]
        assert count(image, FOUND) > 100
        assert count(image, TRUTH) > 60


def test_samples_without_a_models_folder_are_said(batch, tmp_path):
    sample = batch["data_samples"][0].clone()
    del sample.data_root
    with pytest.raises(ValueError, match="no data_root and models_dir"):
        build(tmp_path).draw_input(np.zeros((INPUT, INPUT, 3), np.uint8), sample)
