"""Metric of a test run: LineMOD accuracies, BOP recall and the BOP result file."""

import json
from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet3d.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from epropnp_data.geometry.rigid import RigidPose
from epropnp_data.images.reading import read_image
from epropnp_mm.skipping import is_stand_in

from ..bop.models import ObjectModel, read_models_info, read_object_model
from ..bop.results import PoseEstimate, write_results
from ..bop.scenes import read_targets
from ..datasets.selection import InstanceFilter, select_images
from ..metrics.accuracy import accuracy_table, mean_row
from ..models.rotations import quaternion_to_matrix
from .bop_evaluation import Evaluation, Truth, evaluate_estimates
from .report import format_table

RESULT_NAME = "results_bop.csv"
SCORES_NAME = "scores_6dof.json"


@METRICS.register_module()
class BOPPoseMetric(BaseMetric):
    """ADD(-S), projection and n-degree n-cm accuracies, MSSD, MSPD and VSD recall, per object.

    ADD: Hinterstoisser et al., ACCV 2012; projection: Brachmann et al., CVPR 2016; MSSD, MSPD, VSD:
    BOP Challenge 2020. VSD is there when every image has a depth image and every object a mesh. An
    object that no crop answers counts as a miss.

    Args:
        data_root: ``<root>/<dataset>`` of the evaluated split.
        split: folder of the scenes.
        selection: the data set's own selection; which annotations count.
        models_dir: folder below ``data_root`` with meshes for the errors.
        targets: BOP target list below ``data_root``; None counts all selected annotations.
        out_dir: folder for ``results_bop.csv``, the BOP result file, and ``scores_6dof.json``.
        format_only: write the result file, compute no scores.
        prefix: of the logged names.
    """

    default_prefix = "6dof"

    def __init__(
        self,
        data_root: str,
        split: str,
        selection: dict | None = None,
        models_dir: str = "models_eval",
        targets: str | None = None,
        out_dir: str | None = None,
        format_only: bool = False,
        prefix: str | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        self.data_root = Path(data_root)
        self.split = split
        self.selection = InstanceFilter(**(selection or {}))
        self.models_dir = models_dir
        self.targets = targets
        self.out_dir = out_dir
        self.format_only = format_only

    def process(self, data_batch: dict, data_samples: list[dict]) -> None:
        """Keep the valid poses of a batch."""
        for sample in data_samples:
            if bool(sample["pred_valid"]) and not is_stand_in(sample):
                self.results.append(
                    dict(
                        scene_id=sample["scene_id"],
                        im_id=sample["im_id"],
                        obj_id=sample["obj_id"],
                        score=float(sample["score"]),
                        pose=sample["pred_pose"].detach().cpu().double().tolist(),
                    )
                )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Errors of all targets, logged as a table; writes the result file."""
        estimates = [
            PoseEstimate(**result | dict(pose=_rigid_pose(result["pose"]))) for result in results
        ]
        if self.out_dir is not None:
            write_results(Path(self.out_dir) / RESULT_NAME, estimates)
        if self.format_only:
            return {}
        truths = self.load_truths()
        models = self.load_models({truth.obj_id for truth in truths})
        targets = None
        if self.targets is not None:
            targets = read_targets(self.data_root / self.targets)
            evaluated = {truth.key for truth in truths}
            targets = {key: count for key, count in targets.items() if key in evaluated}
        evaluation = evaluate_estimates(estimates, truths, models, targets)
        table = accuracy_table(evaluation.errors)
        add_recalls(table, evaluation)
        MMLogger.get_current_instance().info(
            "Accuracy in percent per object\n" + format_table(table)
        )
        scores = mean_row(table) | bop_scores(evaluation)
        if self.out_dir is not None:
            text = json.dumps(dict(objects=table, mean=scores), indent=1)
            (Path(self.out_dir) / SCORES_NAME).write_text(text)
        return scores

    def load_truths(self) -> list[Truth]:
        """Annotations that the selection keeps."""
        widths: dict[Path, int] = {}
        truths = []
        for image in select_images(self.data_root, self.split, self.selection):
            folder = image.path.parent
            if folder not in widths:
                widths[folder] = _image_width(image.path)
            truths += [
                Truth(
                    image.scene_id,
                    image.im_id,
                    instance.obj_id,
                    instance.pose,
                    instance.visib_fract,
                    image.cam_mat,
                    widths[folder],
                    image,
                )
                for instance in image.instances
                if self.selection.accepts(instance)
            ]
        return truths

    def load_models(self, obj_ids: set[int]) -> dict[int, ObjectModel]:
        """Meshes for the errors; of an object without mesh only the corners of its box."""
        folder = self.data_root / self.models_dir
        known = read_models_info(folder)
        models = {}
        for obj_id in sorted(obj_ids):
            if (folder / f"obj_{obj_id:06d}.ply").is_file():
                models[obj_id] = read_object_model(folder, obj_id)
            else:
                models[obj_id] = known[obj_id].with_box_vertices()
        return models


def bop_scores(evaluation: Evaluation) -> dict[str, float]:
    """BOP scores in percent, over all targets as BOP counts them.

    ``AR`` is BOP's mean of VSD, MSSD and MSPD recall, there with depth images only;
    ``AR_MSSD_MSPD`` the mean of the two that need none.
    """
    mssd, mspd, vsd = evaluation.recall_mssd, evaluation.recall_mspd, evaluation.recall_vsd
    scores = {
        "AR_MSSD": mssd.mean,
        "AR_MSPD": mspd.mean,
        "AR_MSSD_MSPD": (mssd.mean + mspd.mean) / 2,
        "AP_MSSD": evaluation.precision_mssd.mean,
        "AP_MSPD": evaluation.precision_mspd.mean,
    }
    if vsd is not None:
        scores |= {"AR_VSD": vsd.mean, "AR": (vsd.mean + mssd.mean + mspd.mean) / 3}
    return {name: 100 * float(np.float64(value)) for name, value in scores.items()}


def add_recalls(table: dict[int, dict[str, float]], evaluation: Evaluation) -> None:
    """Add each object's recalls in percent to its line of the accuracy table."""
    columns = {"ar_mssd": evaluation.recall_mssd, "ar_mspd": evaluation.recall_mspd}
    if evaluation.recall_vsd is not None:
        columns["ar_vsd"] = evaluation.recall_vsd
    for obj_id, line in table.items():
        recalls = {name: 100 * score.per_object[obj_id] for name, score in columns.items()}
        table[obj_id] = recalls | line


def _rigid_pose(pose: list[float]) -> RigidPose:
    vector = torch.tensor(pose, dtype=torch.float64)
    return RigidPose(quaternion_to_matrix(vector[3:]).numpy(), vector[:3].numpy())


def _image_width(path: Path) -> int:
    return read_image(path, cv2.IMREAD_GRAYSCALE).shape[1]
