"""Inference on images of the generated data set; records and pictures."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.dataset import Compose
from scipy.spatial.transform import Rotation
from torch import nn

from epropnp_6dof.bop import read_models_info, read_scene
from epropnp_6dof.dataset_results import write_dataset_results
from epropnp_6dof.datasets.coordinate_cache import CoordinateCache
from epropnp_6dof.explained_results import explain_image, truth_box, write_explained
from epropnp_6dof.inference import ImageObject, PoseInferencer, load_inferencer
from epropnp_6dof.metrics.pose_error import rotation_error_deg, translation_error
from epropnp_6dof.models import EPnPRefineSolver
from epropnp_6dof.models.pose_estimator import attach_predictions
from epropnp_6dof.models.rotations import quaternion_to_matrix
from epropnp_6dof.models.structures import DenseMaps, stack_crops
from epropnp_6dof.own_images import Pose6DoF
from epropnp_6dof.visualization import draw_poses
from epropnp_data.geometry.camera import project_points
from epropnp_results import ResultsFolder, match_objects
from epropnp_results.analysis import Calibration
from epropnp_results.explore import PageSettings, write_page
from epropnp_results.pictures.palette import FOUND

CONFIG = "configs/epropnp_6dof/epropnp-6dof-v2_r18_synthetic_demo.py"


class OracleNetwork(nn.Module):
    """Returns the true coordinates of rendered crops instead of looking at pixels."""

    def __init__(self, noc, mask):
        super().__init__()
        self.data_preprocessor = lambda data, training: data
        self.solver = EPnPRefineSolver(pnp=dict(mc_samples=128))
        self.maps = DenseMaps(
            noc, torch.where(mask > 0, 0.0, -20.0).expand(-1, 2, -1, -1), torch.full((1, 2), 1000.0)
        )

    def forward(self, inputs, data_samples, mode):
        solution = self.solver(self.maps, stack_crops(data_samples))
        return attach_predictions(data_samples, solution, self.maps)


def crop_steps(train):
    crop = dict(type="CropObject", input_size=64, output_size=32)
    load = [dict(type="LoadBOPImage"), *([dict(type="LoadObjectCoordinates")] if train else [])]
    steps = [*load, crop, dict(type="PackPoseInputs")]
    return Compose([dict(step, _scope_="mmdet3d") for step in steps])


@pytest.fixture(scope="module")
def found(bop_root):
    """Result of the oracle for one object, and the true pose."""
    image = read_scene(bop_root / "test" / "000002")[0]
    instance = max(image.instances, key=lambda item: item.visib_fract)
    models = read_models_info(bop_root / "models")
    target = ImageObject(
        image.path,
        instance.obj_id,
        instance.bbox_obj,
        0.8,
        image.cam_mat,
        models[instance.obj_id].coord_scale,
    )
    results = dict(
        img_path=str(image.path),
        obj_id=instance.obj_id,
        box=instance.bbox_obj,
        cam_mat=image.cam_mat,
        coord_scale=target.coord_scale,
        pose=instance.pose,
        mask_path=str(instance.mask_path),
        gt_index=instance.gt_index,
        data_root=str(bop_root),
        models_dir="models",
    )
    crop = crop_steps(train=True)(results)["data_samples"].crop
    network = OracleNetwork(crop.noc_gt[None], crop.mask_gt[None])
    inferencer = PoseInferencer(network, crop_steps(train=False))
    (result,) = inferencer([target])
    return result, instance.pose, models[instance.obj_id], network


def test_true_coordinates_give_the_true_pose_in_the_conventions_of_the_file(found):
    result, truth, _, _ = found
    assert result.valid
    assert rotation_error_deg(result.pose, truth) < 0.3
    assert translation_error(result.pose, truth) < 0.002


def test_covariance_is_that_of_the_samples_as_rotation_vectors(found):
    """Independent of the solver's parametrisation: scatter of the Monte Carlo samples."""
    result, _, _, network = found
    torch.manual_seed(0)
    maps = DenseMaps(*(field[None] for field in result.maps))
    solver = EPnPRefineSolver(pnp=dict(mc_samples=4096))
    pose = network.solver(maps, result.crop).poses
    samples, weights = solver.sample(maps, result.crop, pose)
    poses, weights = samples[:, 0].double(), weights[:, 0].double().numpy()
    rotations = quaternion_to_matrix(poses[:, 3:]).numpy()
    turns = Rotation.from_matrix(rotations @ result.pose.rotation.T).as_rotvec()
    steps = np.concatenate((poses[:, :3].numpy() - result.pose.translation, turns), axis=1)
    scatter = np.einsum("s,si,sj->ij", weights, steps, steps)
    deviation = np.sqrt(np.diag(result.covariance))
    np.testing.assert_allclose(np.sqrt(np.diag(scatter)), deviation, rtol=0.35)
    ours = result.covariance / np.outer(deviation, deviation)
    theirs = scatter / np.sqrt(np.outer(np.diag(scatter), np.diag(scatter)))
    strong = np.abs(ours) > 0.5
    assert strong.sum() > 6  # some translation and rotation always trade off
    np.testing.assert_array_equal(np.sign(ours[strong]), np.sign(theirs[strong]))


def test_picture_shows_the_pose_and_all_panels(found, bop_root):
    """The box found runs through the true corners; five panels of the object."""
    result, truth, model, network = found
    torch.manual_seed(0)
    image = cv2.imread(str(result.target.image_path))
    models, meshes = {model.obj_id: model}, CoordinateCache(bop_root / "models", None)
    arguments = (image, result.target, [result], network.solver, models, meshes)
    picture = draw_poses(*arguments)
    height, width = 2 * image.shape[0], 2 * image.shape[1]  # small images are enlarged
    assert picture.shape == (height, width + 3 * height // 2, 3)  # two lines; one panel is wide
    corners_cam = model.box_corners @ truth.rotation.T + truth.translation
    pixels = 2 * (project_points(corners_cam, result.target.cam_mat) + 0.5)
    for u, v in np.round(pixels).astype(int):
        near = picture[max(v - 4, 0) : v + 5, max(u - 4, 0) : u + 5].astype(int)
        assert (np.abs(near - FOUND).max(-1) < 90).any()
    gone = draw_poses(image, result.target, [replace(result, valid=False)], *arguments[3:])
    assert gone.shape == (height, width + height // 4, 3)  # an empty column


def test_config_checkpoint_and_images_work_together(repo_dir, bop_root, tmp_path):
    config = repo_dir / CONFIG
    cfg = Config.fromfile(config)
    model = MODELS.build(cfg.model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / "random.pth")
    inferencer = load_inferencer(str(config), str(tmp_path / "random.pth"))
    image = read_scene(bop_root / "test" / "000002")[0]
    scale = np.array([0.05, 0.04, 0.05])
    targets = [
        ImageObject(image.path, i.obj_id, i.bbox_obj, 1.0, image.cam_mat, scale)
        for i in image.instances
    ]
    found = inferencer(targets)
    assert [item.target for item in found] == targets
    size = cfg.output_size
    assert found[0].maps.noc.shape == (3, size, size)


def test_calibration_beside_a_checkpoint_is_taken(repo_dir, bop_root, tmp_path):
    config, checkpoint = str(repo_dir / CONFIG), str(tmp_path / "random.pth")
    torch.save(
        dict(state_dict=MODELS.build(Config.fromfile(config).model).state_dict()), checkpoint
    )
    calibration = Calibration({"pose": {"all": 8.0}}, {}, 10, {"0.9": {"x": 0.5}})
    calibration.save_beside(checkpoint)
    infer = Pose6DoF(config, checkpoint, bop_root / "models")
    assert infer.calibration == calibration


def test_results_files_explain_a_pose(found, bop_root, tmp_path):
    result, truth, model, network = found
    images = [result.target.image_path.parent]
    folder = ResultsFolder.create(tmp_path, dict(task="pose", classes=[]), images)
    boxes = {str(result.target.image_path): [truth_box(result.target.obj_id, truth, model)]}
    models = {result.target.obj_id: model}
    write_explained(folder, [result], network.solver, models, boxes)
    (record,) = folder
    (item,) = record.objects
    np.testing.assert_allclose(item.rotation, result.pose.rotation, atol=1e-6)
    (match,) = match_objects(record)
    assert match.position_error < 0.002
    assert match.angle_error < np.radians(0.3)
    assert 0 <= item.trust["trust"] <= 1
    assert "yaw" not in item.intervals[0]
    arrays = folder.arrays(record.name)
    # correspondences of the true coordinates project to their pixels under the pose
    points = arrays["points_object"][0].astype(float) @ np.array(item.rotation).T
    points = (points + item.translation) @ np.array(record.intrinsics).T
    apart = np.linalg.norm(points[:, :2] / points[:, 2:] - arrays["points_image"][0], axis=1)
    assert np.median(apart) < 1.0
    assert arrays["panel_orientation"].shape == (1, 180, 360, 3)
    assert arrays["panel_crop"].shape == (1, 128, 128, 3)
    assert write_page(folder, tmp_path / "page.html", PageSettings()) == 1


def test_calibration_widens_the_density_and_stretches_intervals(found):
    result, _, model, network = found
    arguments = (np.zeros((240, 320, 3), np.uint8), "a.png", result.target.cam_mat, [result])
    arguments += (network.solver, {model.obj_id: model}, None)
    margins = {str(level): dict.fromkeys(("x", "y", "z", "distance"), 0.5) for level in (0.5, 0.9)}
    calibration = Calibration({"pose": {"all": 64.0}}, {}, 10, margins)
    records = []
    for given in (None, calibration):
        torch.manual_seed(0)
        records.append(explain_image(*arguments, given)[0].objects[0])
    plain, calibrated = records
    for before, after in zip(plain.intervals, calibrated.intervals, strict=True):
        for axis in ("x", "y", "z", "distance"):
            lengths = np.diff([before[axis], after[axis]], axis=1)
            assert lengths[1] == pytest.approx(2 * lengths[0], rel=1e-3)
    # the deviation of a normal grows with the root of the temperature
    assert calibrated.trust["position_std"] > 4 * plain.trust["position_std"]
    assert calibrated.trust["trust"] <= plain.trust["trust"]


def test_test_split_becomes_results_with_truth(repo_dir, bop_root, tmp_path):
    """An untrained network: records are there, with the data set's poses beside them."""
    cfg = Config.fromfile(repo_dir / CONFIG)
    cfg.test_dataloader.dataset.data_root = str(bop_root)
    torch.manual_seed(0)
    network = MODELS.build(cfg.model).eval()
    results = write_dataset_results(network, cfg, tmp_path / "r", "no.pth")
    images = {str(image.path): image for image in read_scene(bop_root / "test" / "000002")}
    assert {record.name for record in results} == set(images)
    for record in results:
        image = images[record.name]
        visible = [i for i in image.instances if i.visib_fract > 0]
        assert len(record.truth) == len(visible)
        for box, instance in zip(record.truth, visible, strict=True):
            np.testing.assert_allclose(box.rotation, instance.pose.rotation, atol=1e-6)
            np.testing.assert_allclose(box.translation, instance.pose.translation, rtol=1e-6)
        assert np.array(record.intrinsics)[0, 2] == pytest.approx(image.cam_mat[0, 2] + 0.5)
        assert "panel_model" in results.arrays(record.name) or not record.objects
