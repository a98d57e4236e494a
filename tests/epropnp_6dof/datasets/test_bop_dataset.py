"""Crops of a generated BOP data set: contents, targets, selection, detections, random state."""

import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS
from torch.utils.data import DataLoader, Dataset

from epropnp_6dof.bop import read_object_model
from epropnp_6dof.datasets.random_state import WorkerRandom
from epropnp_6dof.datasets.transforms import RotateCamera
from epropnp_6dof.models.correspondences import grid_pixels
from epropnp_6dof.models.rotations import quaternion_to_matrix
from epropnp_6dof.models.structures import stack_crops
from epropnp_data.errors import DatasetError
from epropnp_data.geometry.camera import project_points


def pipeline(train=True, geometry="continuous", cache=None):
    steps = [dict(type="LoadBOPImage")]
    if train:
        steps.append(dict(type="LoadObjectCoordinates", cache_dir=cache))
    steps.append(
        dict(type="CropObject", input_size=64, output_size=32, train=train, geometry=geometry)
    )
    return [*steps, dict(type="PackPoseInputs")]


def build(root, split="train", train=True, steps=None, **options):
    return DATASETS.build(
        dict(
            type="BOPDataset",
            _scope_="mmdet3d",
            data_root=str(root),
            split=split,
            pipeline=steps or pipeline(train),
            test_mode=not train,
            **options,
        )
    )


def reprojection_error(sample):
    """Pixel distance of each target's projection to its own cell, and the mask."""
    batch = stack_crops([sample])
    size = batch.noc_gt.shape[-1]
    points = batch.noc_gt[0].flatten(1).T * batch.coord_scale
    points = points @ quaternion_to_matrix(batch.poses_gt[0, 3:]).T + batch.poses_gt[0, :3]
    uv = points @ batch.cam_mats[0].T
    uv = uv[:, :2] / uv[:, 2:]
    return (uv - grid_pixels(batch, size, size)[0]), batch.mask_gt[0, 0].flatten() > 0.5


def test_targets_project_to_their_cells(bop_root):
    torch.manual_seed(0)
    dataset = build(bop_root)
    assert len(dataset) == 12
    offsets = []
    for item in dataset:
        error, mask = reprojection_error(item["data_samples"])
        assert error[mask].norm(dim=-1).max() < 0.75  # nearest pixel at the outline
        assert error[mask].norm(dim=-1).median() < 5e-3
        offsets.append(error[mask].mean(0))
    assert torch.stack(offsets).mean(0).abs().max() < 0.01


def test_published_geometry_keeps_its_offset(bop_root):
    torch.manual_seed(0)
    inside, leaving = [], []  # crops within the image, and others
    for item in build(bop_root, steps=pipeline(geometry="published")):
        error, mask = reprojection_error(item["data_samples"])
        crop = item["data_samples"].crop
        first, last = crop.grid_origin, crop.grid_origin + 32 * crop.grid_step
        within = bool((first >= 1).all()) and bool((last < torch.tensor([319.0, 239.0])).all())
        # the median: cells of the outline show the background and have no coordinate
        (inside if within else leaving).append(error[mask].median(0).values)
    inside = torch.stack(inside)
    # indices and windows are rounded down: up to half a pixel either way, depending on the size
    assert (inside.abs() < 0.51).all()
    assert inside.abs().max() > 0.2
    assert torch.stack(leaving).abs().max() > 2  # the grid moves by half the overhang


def test_crop_shows_the_object_where_the_mask_says(bop_root):
    """Cut by the crop's own geometry, the visible mask file equals the target mask."""
    torch.manual_seed(0)
    dataset = build(bop_root)
    item = dataset[4]
    info = dataset.get_data_info(4)
    crop = item["data_samples"].crop
    mask = cv2.imread(info["mask_path"], 0) > 0
    cells = grid_pixels(stack_crops([item["data_samples"]]), 32, 32)[0].numpy()
    columns, rows = np.floor(cells).astype(int).T
    inside = (columns >= 0) & (columns < 320) & (rows >= 0) & (rows < 240)
    expected = np.zeros(len(cells), bool)
    expected[inside] = mask[rows[inside], columns[inside]]
    different = expected != (crop.mask_gt[0].flatten().numpy() > 0)
    assert different.sum() <= 2


def test_object_without_mesh_trains_without_targets(bop_root):
    bare = bop_root / "models_bare"
    bare.mkdir()
    shutil.copy(bop_root / "models" / "models_info.json", bare)
    sample = build(bop_root, models_dir="models_bare")[0]["data_samples"]
    assert float(sample.crop.mask_gt.abs().sum()) == 0
    assert sample.crop.poses_gt.shape == (7,)
    assert float(sample.crop.coord_scale.min()) > 0.02


def test_rendered_targets_are_kept_below_the_data_root(bop_root):
    steps = pipeline(cache="coordinates")
    torch.manual_seed(0)
    first = build(bop_root, steps=steps)[3]
    stored = sorted((bop_root / "coordinates").rglob("*.npz"))
    relative = [str(path.relative_to(bop_root / "coordinates")) for path in stored]
    assert relative == ["train/000001/000001_000000.npz"]
    torch.manual_seed(0)
    again = build(bop_root, steps=steps)[3]
    one, two = (item["data_samples"].crop.noc_gt for item in (first, again))
    torch.testing.assert_close(one, two, rtol=0, atol=1e-4)


def test_selection_by_object_visibility_images_and_count(bop_root):
    dataset = build(bop_root, selection=dict(obj_ids=(2,), max_per_object=3))
    assert [dataset.get_data_info(i)["obj_id"] for i in range(len(dataset))] == [2, 2, 2]
    (bop_root / "part.json").write_text(json.dumps({"1": [0, 3]}))
    dataset = build(bop_root, selection=dict(image_file="part.json"))
    assert {dataset.get_data_info(i)["im_id"] for i in range(len(dataset))} == {0, 3}
    (bop_root / "wrong.json").write_text(json.dumps({"1": [99]}))
    with pytest.raises(ValueError, match="99"):
        build(bop_root, selection=dict(image_file="wrong.json"))


def test_detections_replace_annotated_boxes(bop_root):
    entries = [
        dict(scene_id=2, image_id=0, category_id=1, bbox=[10, 20, 30, 40], score=s)
        for s in (0.4, 0.9)
    ]
    entries.append(dict(scene_id=2, image_id=0, category_id=77, bbox=[0, 0, 9, 9], score=1.0))
    (bop_root / "detections.json").write_text(json.dumps(entries))
    options = dict(split="test", train=False, detections="detections.json")
    dataset = build(bop_root, **options)
    assert [dataset.get_data_info(i)["score"] for i in range(len(dataset))] == [0.9, 0.4]
    sample = dataset[0]["data_samples"]
    assert "poses_gt" not in sample.crop
    assert sample.score == 0.9
    dataset = build(bop_root, targets="test_targets_bop19.json", **options)
    assert len(dataset) == 1
    for entry in entries:
        del entry["scene_id"]  # plain COCO results
    (bop_root / "coco.json").write_text(json.dumps(entries))
    assert len(build(bop_root, **options | dict(detections="coco.json"))) == 2


def test_detections_of_other_images_are_refused(bop_root):
    entry = dict(scene_id=2, image_id=99, category_id=1, bbox=[1, 2, 30, 40], score=1.0)
    (bop_root / "others.json").write_text(json.dumps([entry]))
    with pytest.raises(DatasetError, match=r"others.json: none of its 1 images is in test"):
        build(bop_root, split="test", train=False, detections="others.json")
    with pytest.raises(DatasetError, match=r"gone.json: no such detection file"):
        build(bop_root, split="test", train=False, detections="gone.json")


def test_unknown_split_and_box_are_named(bop_root):
    with pytest.raises(FileNotFoundError, match="train_pbr"):
        build(bop_root, split="train_pbr")
    with pytest.raises(ValueError, match="box='mask'"):
        build(bop_root, box="mask")


def test_background_changes_outside_the_object_only(bop_root, tmp_path):
    cv2.imwrite(str(tmp_path / "pink.png"), np.full((50, 400, 3), (255, 0, 255), np.uint8))
    steps = [
        dict(type="LoadBOPImage"),
        dict(type="LoadObjectCoordinates"),
        dict(type="ReplaceBackground", folder=str(tmp_path), prob=1.0),
    ]
    steps = [*steps, dict(type="CropObject", input_size=64, output_size=64)]
    dataset = build(bop_root, steps=[*steps, dict(type="PackPoseInputs")])
    item = dataset[0]
    inside = item["data_samples"].crop.mask_gt[0] > 0
    pink = (item["inputs"] == torch.tensor([255, 0, 255])[:, None, None]).all(0)
    eroded = -torch.nn.functional.max_pool2d(-inside[None].float(), 5, 1, 2)[0] > 0
    dilated = torch.nn.functional.max_pool2d(inside[None].float(), 5, 1, 2)[0] > 0
    assert not pink[eroded].any()
    box = slice(16, 48)  # away from the black border outside the image
    assert pink[box, box][~dilated[box, box]].float().mean() > 0.95


def test_turned_camera_keeps_pose_and_targets_consistent(bop_root):
    torch.manual_seed(0)
    steps = pipeline()
    steps.insert(2, dict(type="RotateCamera", max_degrees=60))
    plain, turned = build(bop_root), build(bop_root, steps=steps)
    changed = []
    for index in range(len(turned)):
        item = turned[index]["data_samples"]
        error, mask = reprojection_error(item)
        if mask.any():
            assert error[mask].norm(dim=-1).max() < 1.5  # nearest pixel, twice
            assert error[mask].mean(0).abs().max() < 0.2
        pose, before = (s.crop.poses_gt for s in (item, plain[index]["data_samples"]))
        changed.append(float((pose[3:] @ before[3:]).abs()))
        assert float(pose[:3].norm()) == pytest.approx(float(before[:3].norm()), rel=1e-5)
    assert min(changed) < np.cos(np.radians(40 / 2))


def test_turned_camera_moves_the_picture_with_the_coordinates(bop_root):
    """Colours at the projections of fixed object points stay the same."""
    dataset = build(bop_root, steps=[dict(type="LoadBOPImage")])
    results = dataset[2]
    turned = RotateCamera(max_degrees=50).transform(dict(results))
    points = read_object_model(bop_root / "models", results["obj_id"]).vertices
    colors = []
    for view in (results, turned):
        uv = np.rint(project_points(view["pose"].apply(points), view["cam_mat"])).astype(int)
        uv = uv.clip(2, (317, 237))
        blurred = cv2.blur(view["image"], (3, 3))
        colors.append(blurred[uv[:, 1], uv[:, 0]].astype(float))
    assert np.median(np.abs(colors[0] - colors[1])) < 6


class Draws(Dataset):
    def __init__(self):
        self.random = WorkerRandom("test")

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return self.random.generator().random()


def test_workers_and_epochs_draw_different_numbers_that_follow_the_seed():
    def run(seed):
        torch.manual_seed(seed)
        loader = DataLoader(Draws(), batch_size=1, num_workers=2)
        return [float(value) for _ in range(2) for value in loader]

    first = run(0)
    assert len(set(first)) == 16
    assert run(0) == first
    assert set(run(1)).isdisjoint(first)


def test_ranks_draw_different_numbers(monkeypatch):
    """Processes that train together have the same seed of torch."""
    drawn = []
    for rank in range(3):
        monkeypatch.setattr("epropnp_6dof.datasets.random_state.get_rank", lambda rank=rank: rank)
        torch.manual_seed(0)
        drawn += WorkerRandom("test").generator().random(4).tolist()
    assert len(set(drawn)) == 12


def test_transforms_of_one_worker_are_independent():
    torch.manual_seed(0)
    one, two = (WorkerRandom(name).generator().random(4).tolist() for name in "ab")
    assert set(one).isdisjoint(two)
