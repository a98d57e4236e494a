"""Write the picture of 6DoF poses in the docs: ``python tools/dev/pose_picture.py OUT.jpg``.

A generated image; true coordinates with noise stand in for a network's, with the weights that suit
that noise. The poses, and the density of the orientation, are those of the pose solver.
"""

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet3d.registry import DATASETS
from mmengine.registry import init_default_scope

import epropnp_6dof  # noqa: F401 - only registration
from epropnp_6dof.bop import read_models_info
from epropnp_6dof.datasets.coordinate_cache import CoordinateCache
from epropnp_6dof.explained_results import truth_box
from epropnp_6dof.inference import object_pose, target_of
from epropnp_6dof.models import EPnPRefineSolver
from epropnp_6dof.models.pose_estimator import attach_predictions
from epropnp_6dof.models.structures import DenseMaps, PoseDataSample, stack_crops
from epropnp_6dof.visualization import draw_poses
from epropnp_data.images.reading import read_image
from epropnp_synth.bop import SyntheticBOPSettings, generate_bop

NOISE = 0.1  # of coordinates, in their unit: the object's extent on one side of its frame
OBJECT = 2  # whose panels are shown: the bird
SETTINGS = SyntheticBOPSettings(num_train=1, num_test=1, image_size=(640, 480), focal=800.0, seed=3)
PIPELINE = [
    dict(type="LoadBOPImage"),
    dict(type="LoadObjectCoordinates"),
    dict(type="CropObject", input_size=128, output_size=64),
    dict(type="PackPoseInputs"),
]


def noisy_maps(sample: PoseDataSample) -> DenseMaps:
    """True coordinates of a crop with noise, batch of one; no weight beside the object."""
    crop = stack_crops([sample])
    noise = NOISE * torch.randn(crop.noc_gt.shape, generator=torch.manual_seed(0))
    metres = NOISE * float(crop.coord_scale.mean())
    pixels = metres * SETTINGS.focal / float(crop.poses_gt[0, 2])
    count = float((crop.mask_gt > 0).sum())
    scale = torch.full((1, 2), count * float(crop.grid_step) / pixels)  # a point has 1 / pixels
    logits = torch.where(crop.mask_gt > 0, 0.0, -20.0).expand(-1, 2, -1, -1)
    return DenseMaps(crop.noc_gt + noise, logits, scale)


def draw(root: Path) -> np.ndarray:
    """Picture (h, w, 3), BGR, of the one test image of a data set."""
    split = dict(data_root=str(root), split="test", pipeline=PIPELINE)
    dataset = DATASETS.build(dict(type="BOPDataset", **split))
    items = [dataset[index]["data_samples"] for index in range(len(dataset))]
    samples = sorted(items, key=lambda sample: sample.obj_id != OBJECT)
    solver, models = EPnPRefineSolver(), read_models_info(root / "models")
    found, truth = [], []
    for sample in samples:
        maps, crop = noisy_maps(sample), stack_crops([sample])
        attach_predictions([sample], solver(maps, crop), maps)
        found.append(object_pose(target_of(sample), sample))
        true = dataset.get_data_info(items.index(sample))["pose"]
        truth.append(truth_box(sample.obj_id, true, models[sample.obj_id]))
    target, meshes = target_of(samples[0]), CoordinateCache(root / "models", None)
    image = read_image(target.image_path)
    return draw_poses(image, target, found, solver, models, meshes, truth)


def main() -> None:
    """Generate, solve, draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    init_default_scope("mmdet3d")
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        generate_bop(Path(folder) / "set", SETTINGS)
        cv2.imwrite(str(args.out), draw(Path(folder) / "set"), [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
