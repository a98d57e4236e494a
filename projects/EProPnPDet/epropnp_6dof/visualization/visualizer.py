"""Data samples of the 6DoF network as pictures.

visualizer = dict(type="PoseVisualizer", vis_backends=[dict(type="LocalVisBackend")])
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
from mmdet3d.registry import VISUALIZERS
from torch import nn

from epropnp_mm.visualization import ResultVisualizer

from ..bop.models import ObjectModel, read_models_info
from ..datasets.coordinate_cache import CoordinateCache
from ..explained_results import truth_box
from ..inference import object_pose, target_of
from ..models.rotations import quaternion_to_matrix
from ..models.structures import PoseDataSample
from .network_input import draw_crop
from .poses import draw_poses


@VISUALIZERS.register_module()
class PoseVisualizer(ResultVisualizer):
    """Poses in the image with what the network saw; the arguments are mmengine's."""

    solver: nn.Module | None = None

    def bind(self, model: nn.Module) -> None:
        """Take the solver, which knows the density of orientations."""
        self.solver = getattr(model, "solver", None)

    def draw_result(
        self, image: np.ndarray, sample: PoseDataSample, score_thr: float, gt: bool, pred: bool
    ) -> np.ndarray:
        """See `draw_poses`.

        Raises:
            ValueError: the sample does not name its object's model.
        """
        folder = _models_dir(sample)
        models = _models(folder)
        target, truth = target_of(sample), None
        found = []
        if pred and "pred_pose" in sample and target.score >= score_thr:
            found = [object_pose(target, sample)]
        if gt and "poses_gt" in sample.crop:
            pose = sample.crop.poses_gt.cpu().double()
            placed = (quaternion_to_matrix(pose[3:]).numpy(), pose[:3].numpy())
            truth = [truth_box(target.obj_id, placed, models[target.obj_id])]
        meshes = CoordinateCache(folder, None)
        return draw_poses(image, target, found, self.solver, models, meshes, truth)

    def draw_input(
        self,
        image: np.ndarray,
        sample: PoseDataSample,
        found: PoseDataSample | None = None,
        score_thr: float = 0.0,
    ) -> np.ndarray:
        """See `draw_crop`; scores are those of the detections, all are drawn."""
        return draw_crop(image, sample, _models(_models_dir(sample))[sample.obj_id], found)

    def without_truth(self, sample: PoseDataSample) -> PoseDataSample:
        """A sample with meta information and the crop's geometry."""
        known = PoseDataSample(metainfo=sample.metainfo)
        known.crop = sample.crop.new()
        for name in ("poses_gt", "noc_gt", "mask_gt", "symmetries"):
            if name in known.crop:
                del known.crop[name]
        return known


def _models_dir(sample: PoseDataSample) -> Path:
    if not {"data_root", "models_dir"} <= set(sample.metainfo_keys()):
        raise ValueError("the data sample has no data_root and models_dir: its model is not known")
    return Path(sample.data_root) / sample.models_dir


@lru_cache(maxsize=8)
def _models(folder: Path) -> dict[int, ObjectModel]:
    return read_models_info(folder)
