"""The data set on the tiny synthetic nuScenes: items, filters, lidar, errors."""

import pickle

import numpy as np
import pytest
import torch
from mmdet3d.registry import DATASETS
from mmdet3d.structures import CameraInstance3DBoxes
from nuscenes.utils.geometry_utils import BoxVisibility, points_in_box

from epropnp_data.errors import DatasetError
from epropnp_data.nuscenes.taxonomy import ATTRIBUTES_OF_CLASS, CAMERAS, CLASSES
from epropnp_det.datasets.annotation_filter import AnnotationFilter
from epropnp_det.datasets.camera_annotations import load_side_file, side_file_of
from nuscenes_data import VERSION, copy_of, load_tables

LOAD = [{"type": "LoadMonoImage"}, {"type": "LoadMonoAnnotations"}, {"type": "LoadMonoLidar"}]
PACK = {"type": "PackMonoInputs"}


def build(root, split="train", pipeline=None, **options):
    config = {
        "type": "NuScenesMonoDataset",
        "data_root": str(root),
        "ann_file": f"nuscenes_infos_{split}.pkl",
        "pipeline": [*LOAD, PACK] if pipeline is None else pipeline,
        **options,
    }
    return DATASETS.build(config)


def test_items_carry_what_the_network_reads(nuscenes_root):
    dataset = build(nuscenes_root)
    item = dataset[0]
    sample = item["data_samples"]
    assert item["inputs"]["img"].dtype == torch.uint8
    assert item["inputs"]["img"].shape == (3, *sample.img_shape)
    assert sample.cam_name in CAMERAS
    assert sample.ori_shape == sample.img_shape
    np.testing.assert_array_equal(sample.img_transform, np.eye(3))
    np.testing.assert_allclose(sample.cam_intrinsic, sample.cam2img, rtol=1e-6)
    assert sample.cam_intrinsic.dtype == np.float32
    truth = sample.gt_instances_3d
    count = len(truth)
    assert count > 0
    assert isinstance(truth.bboxes_3d, CameraInstance3DBoxes)
    assert truth.bboxes.shape == (count, 4)
    assert truth.velocities.shape == (count, 2)
    assert truth.labels_3d.dtype == truth.attr_labels.dtype == torch.int64
    assert len(truth.points_obj) == len(truth.points_uv) == count
    assert sample.lidar_uvz.shape[1] == 3
    assert dataset.metainfo["version"] == VERSION
    assert dataset.metainfo["classes"] == CLASSES


def test_test_mode_keeps_every_image_in_order(nuscenes_root):
    dataset = build(nuscenes_root, "val", [LOAD[0], PACK], test_mode=True)
    nusc = load_tables(nuscenes_root)
    items = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert len(dataset) == 12
    assert [item["cam_name"] for item in items] == [*CAMERAS, *CAMERAS]
    for item in items:
        record = nusc.get("sample", item["sample_token"])["data"][item["cam_name"]]
        assert item["img_path"] == nusc.get_sample_data_path(record)
    assert len(dataset[0]["data_samples"].gt_instances_3d) == 0


def test_poses_are_those_of_the_cameras_own_time(nuscenes_root):
    nusc = load_tables(nuscenes_root)
    dataset = build(nuscenes_root, "val", test_mode=True)
    moved = 0.0
    for index in range(len(dataset)):
        item = dataset.get_data_info(index)
        sample = nusc.get("sample", item["sample_token"])
        image = nusc.get("sample_data", sample["data"][item["cam_name"]])
        pose = nusc.get("ego_pose", image["ego_pose_token"])
        lidar = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
        at_lidar = nusc.get("ego_pose", lidar["ego_pose_token"])["translation"]
        np.testing.assert_allclose(item["ego2global"][:3, 3], pose["translation"], atol=2e-4)
        moved = max(moved, np.abs(np.array(pose["translation"]) - at_lidar).max())
    assert moved > 0.05  # the difference that is compensated


def test_training_annotations_pass_the_filter(nuscenes_root):
    side = load_side_file(side_file_of(nuscenes_root / "nuscenes_infos_train.pkl"), nuscenes_root)
    strict = AnnotationFilter(min_visibility=3, max_truncation=0.5, min_size=8)
    dataset = build(nuscenes_root, annotation_filter=vars(strict))
    expected = {token: int(strict(item).sum()) for token, item in side.items()}
    assert 0 < sum(expected.values()) < sum(len(item) for item in side.values())
    assert len(dataset) == sum(count > 0 for count in expected.values())
    counts = [len(dataset.get_data_info(i)["annotations"]) for i in range(len(dataset))]
    assert sum(counts) == sum(expected.values())
    assert len(build(nuscenes_root, filter_empty_gt=False)) == 12


def test_filter_limits_are_inclusive_and_unknown_visibility_passes(nuscenes_root):
    side = load_side_file(side_file_of(nuscenes_root / "nuscenes_infos_train.pkl"), nuscenes_root)
    some = next(item for item in side.values() if len(item) >= 5).select(np.arange(5))
    fields = {**vars(some)}
    fields["visibility"] = np.array([0, 1, 2, 4, 4])
    fields["truncation"] = np.array([0.0, 0.0, 0.8, 0.81, 0.0], dtype=np.float64)
    fields["bboxes"] = np.array([[0, 0, 4, 4]] * 4 + [[0, 0, 9, 3.9]], dtype=np.float32)
    mask = AnnotationFilter()(type(some)(**fields))
    np.testing.assert_array_equal(mask, [True, False, True, False, False])


def test_missing_attribute_is_unknown_and_cones_have_none(nuscenes_root):
    dataset = build(nuscenes_root, filter_empty_gt=False)
    seen = set()
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        labels = info["annotations"].labels
        info["annotations"].attr_labels[::2] = 8
        truth = dataset.pipeline(info)["data_samples"].gt_instances_3d
        for row, label in enumerate(labels):
            has_attributes = ATTRIBUTES_OF_CLASS[CLASSES[label]] != ("none",)
            seen.add((has_attributes, row % 2))
            if row % 2 == 0:
                assert truth.attr_labels[row] == (-1 if has_attributes else 8)
            else:
                assert truth.attr_labels[row] >= 0
    assert (True, 0) in seen


def test_missing_attribute_is_trained_on_as_published_if_asked_for(nuscenes_root):
    as_none = dict(type="LoadMonoAnnotations", unknown_attribute=8)
    dataset = build(nuscenes_root, filter_empty_gt=False, pipeline=[LOAD[0], as_none, PACK])
    info = dataset.get_data_info(0)
    info["annotations"].attr_labels[:] = 8
    assert (dataset.pipeline(info)["data_samples"].gt_instances_3d.attr_labels == 8).all()


def test_lidar_agrees_with_the_devkit(nuscenes_root):
    nusc = load_tables(nuscenes_root)
    dataset = build(nuscenes_root, "val", filter_empty_gt=False)
    points_in_boxes = 0
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        sample = dataset[index]["data_samples"]
        record = nusc.get("sample", info["sample_token"])["data"]
        cloud, depths, _ = nusc.explorer.map_pointcloud_to_image(
            record["LIDAR_TOP"], record[info["cam_name"]], min_dist=0.1
        )
        # the devkit leaves out a border of one pixel
        uvz = sample.lidar_uvz.double().numpy()
        height, width = sample.ori_shape
        inner = ((uvz[:, :2] > 1) & (uvz[:, :2] < (width - 1, height - 1))).all(1)
        assert abs(inner.sum() - cloud.shape[1]) <= 2
        if inner.sum() == cloud.shape[1]:
            np.testing.assert_allclose(uvz[inner, :2], cloud[:2].T, atol=2e-2)
            np.testing.assert_allclose(uvz[inner, 2], depths, atol=2e-4)
        points_in_boxes += check_object_points(nusc, record[info["cam_name"]], info, sample)
    assert points_in_boxes > 100


def check_object_points(nusc, token, info, sample):
    """Object-frame points, moved back to the camera, are the image's points inside the box."""
    _, boxes, _ = nusc.get_sample_data(token, BoxVisibility.NONE)
    intrinsic = sample.cam2img
    uvz = sample.lidar_uvz.double().numpy()
    rays = np.column_stack([uvz[:, :2], np.ones(len(uvz))]) @ np.linalg.inv(intrinsic).T
    cloud = rays * uvz[:, 2:]
    total = 0
    for row, center in enumerate(info["annotations"].centers):
        box = min(boxes, key=lambda candidate: np.linalg.norm(candidate.center - center))
        points = sample.gt_instances_3d.points_obj[row].astype(np.float64)
        forward, down, left = points.T
        cam = np.stack([forward, left, -down], 1) @ box.rotation_matrix.T + box.center
        least, most = (points_in_box(box, cloud.T, factor).sum() for factor in (0.999, 1.001))
        assert least <= len(points) <= most
        projected = cam @ intrinsic.T
        uv = sample.gt_instances_3d.points_uv[row]
        np.testing.assert_allclose(projected[:, :2] / projected[:, 2:], uv, atol=2e-2)
        total += len(points)
    return total


def test_without_lidar_file_the_fields_are_empty(nuscenes_root, tmp_path):
    dataset = build(nuscenes_root, data_prefix=None)
    info = dataset.get_data_info(0)
    info["lidar_path"] = str(tmp_path / "absent.bin")
    sample = dataset.pipeline(info)["data_samples"]
    assert sample.lidar_uvz.shape == (0, 3)
    assert all(points.shape == (0, 3) for points in sample.gt_instances_3d.points_obj)


def test_cut_lidar_file_is_named(nuscenes_root, tmp_path):
    dataset = build(nuscenes_root)
    info = dataset.get_data_info(0)
    info["lidar_path"] = str(tmp_path / "cut.bin")
    np.zeros(7, np.float32).tofile(info["lidar_path"])
    with pytest.raises(DatasetError, match=r"cut\.bin: 7 numbers are no multiple of 5"):
        dataset.pipeline(info)


def test_redraw_when_the_crop_shows_no_object(nuscenes_root):
    """A window of sky: no image has an object there, so drawing gives up after its limit."""
    sky = {"type": "MonoCrop", "region": (0, 0, 1, 0.05), "unit": "fraction"}
    dataset = build(nuscenes_root, pipeline=[*LOAD, sky, PACK])
    assert dataset.prepare_data(0) is None


def test_subset_of_classes_is_relabelled(nuscenes_root):
    dataset = build(nuscenes_root, metainfo={"classes": ("pedestrian", "car")})
    full = build(nuscenes_root)
    labels = [dataset.get_data_info(i)["annotations"].labels for i in range(len(dataset))]
    all_labels = np.concatenate([full.get_data_info(i)["annotations"].labels for i in range(12)])
    counts = np.bincount(np.concatenate(labels), minlength=2)
    assert counts[0] == (all_labels == CLASSES.index("pedestrian")).sum()
    assert counts[1] == (all_labels == CLASSES.index("car")).sum()


def test_concatenated_splits(nuscenes_root):
    options = {"type": "NuScenesMonoDataset", "data_root": str(nuscenes_root)}
    parts = [
        {**options, "ann_file": f"nuscenes_infos_{split}.pkl", "pipeline": [*LOAD, PACK]}
        for split in ("train", "val")
    ]
    both = DATASETS.build({"type": "mmengine.ConcatDataset", "datasets": parts})
    assert len(both) == len(build(nuscenes_root)) + len(build(nuscenes_root, "val"))


class TestErrors:
    """Each names the file and the command that mends it."""

    def test_data_root(self):
        with pytest.raises(DatasetError, match=r"nowhere: no such data root.*ln -s"):
            build("nowhere")

    def test_info_file(self, nuscenes_root):
        pattern = r"nuscenes_infos_other\.pkl: no such info file.*create_data\.py nuscenes"
        with pytest.raises(DatasetError, match=pattern):
            build(nuscenes_root, "other")

    @pytest.mark.parametrize("content", [{"infos": [], "metadata": {}}, [{"token": "a"}]])
    def test_old_format(self, nuscenes_root, tmp_path, content):
        root = copy_of(nuscenes_root, tmp_path / "data")
        (root / "nuscenes_infos_train.pkl").write_bytes(pickle.dumps(content))
        with pytest.raises(DatasetError, match=r"old format.*create_data\.py nuscenes"):
            build(root)

    @pytest.mark.parametrize("content", [b"no pickle", b""])
    def test_not_a_pickle(self, nuscenes_root, tmp_path, content):
        root = copy_of(nuscenes_root, tmp_path / "data")
        (root / "nuscenes_infos_train.pkl").write_bytes(content)
        with pytest.raises(DatasetError, match=r"infos_train\.pkl: not a pickle file"):
            build(root)

    def test_other_version(self, nuscenes_root, tmp_path):
        root = copy_of(nuscenes_root, tmp_path / "data")
        (root / VERSION).rename(root / "v1.0-trainval")
        pattern = r"made from v1\.0-mini, but .* holds v1\.0-trainval.*--version v1\.0-trainval"
        with pytest.raises(DatasetError, match=pattern):
            build(root)

    def test_tables_changed_since(self, nuscenes_root, tmp_path):
        root = copy_of(nuscenes_root, tmp_path / "data")
        with (root / VERSION / "calibrated_sensor.json").open("a") as file:
            file.write(" ")
        with pytest.raises(DatasetError, match=r"made from other tables.*--overwrite"):
            build(root)

    def test_no_tables_are_needed_to_train(self, nuscenes_root, tmp_path):
        root = copy_of(nuscenes_root, tmp_path / "data")
        for table in (root / VERSION).iterdir():
            table.unlink()
        assert len(build(root)) == len(build(nuscenes_root))

    def test_side_file(self, nuscenes_root, tmp_path):
        root = copy_of(nuscenes_root, tmp_path / "data")
        side_file = side_file_of(root / "nuscenes_infos_train.pkl")
        side_file.unlink()
        with pytest.raises(DatasetError, match=r"_mono\.pkl: .* missing.*create_data\.py"):
            build(root)
        side_file.write_bytes(pickle.dumps({"format": 0}))
        with pytest.raises(DatasetError, match=r"_mono\.pkl: not of the expected format"):
            build(root)

    def test_missing_image(self, nuscenes_root, tmp_path):
        root = copy_of(nuscenes_root, tmp_path / "data")
        (root / "samples").unlink()
        for folder in (nuscenes_root / "samples").iterdir():
            (root / "samples" / folder.name).mkdir(parents=True)
            for file in sorted(folder.iterdir())[:-1]:
                (root / "samples" / folder.name / file.name).symlink_to(file)
        with pytest.raises(DatasetError, match=r"\.jpg: camera image is missing \(\d+ in all\)"):
            build(root, "val", test_mode=True)

    def test_broken_image(self, nuscenes_root, tmp_path):
        dataset = build(nuscenes_root)
        info = dataset.get_data_info(0)
        info["img_path"] = str(tmp_path / "broken.jpg")
        (tmp_path / "broken.jpg").write_bytes(b"no image")
        with pytest.raises(DatasetError, match=r"broken\.jpg: not a readable image"):
            dataset.pipeline(info)
