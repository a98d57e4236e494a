"""The network: crop in, pose out."""

from mmdet3d.registry import MODELS
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor

from .structures import CropBatch, DenseMaps, PoseDataSample, PosePredictions, stack_crops
from .symmetric_targets import nearest_targets


@MODELS.register_module()
class DensePoseEstimator(BaseModel):
    """Backbone and dense head, trained by a criterion and read by a pose solver.

    Args:
        backbone: config whose last output is the feature of the head.
        head: config of `DenseCorrespondenceHead`.
        criterion: config of `MonteCarloCriterion` or `CoordRegressionCriterion`.
        solver: config of `EPnPRefineSolver` or `RansacPnPSolver`.
        symmetric_targets: train on the equivalent of the annotated pose that is nearest to the
            prediction; not part of the published training.
        data_preprocessor: config; default divides BGR pixels by 255.
        init_cfg: initialisation, see mmengine.
    """

    def __init__(
        self,
        backbone: dict,
        head: dict,
        criterion: dict,
        solver: dict,
        symmetric_targets: bool = False,
        data_preprocessor: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if data_preprocessor is None:
            data_preprocessor = dict(type="ImgDataPreprocessor", mean=[0.0] * 3, std=[255.0] * 3)
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.backbone = MODELS.build(backbone)
        self.head = MODELS.build(head)
        self.criterion = MODELS.build(criterion)
        self.solver = MODELS.build(solver)
        self.symmetric_targets = symmetric_targets

    def forward(
        self, inputs: Tensor, data_samples: list[PoseDataSample] | None = None, mode: str = "tensor"
    ) -> DenseMaps | dict[str, Tensor] | list[PoseDataSample]:
        """Dense maps (``tensor``), losses (``loss``) or data samples with poses (``predict``).

        Args:
            inputs: (B, 3, H, W) crops, BGR in [0, 1].
            data_samples: one per crop; for ``tensor`` only an `ObjectAwareHead` needs them.
            mode: as mmengine calls it.
        """
        obj_ids = None if data_samples is None else [s.metainfo.get("obj_id") for s in data_samples]
        maps = self.head(self.backbone(inputs)[-1], obj_ids)
        maps = DenseMaps(*(field.float() for field in maps))
        if mode == "tensor":
            return maps
        batch = stack_crops(data_samples)
        if mode == "loss":
            if self.symmetric_targets:
                batch = nearest_targets(maps, batch)
            return self.criterion(maps, batch)
        return attach_predictions(data_samples, self.solver(maps, batch), maps)

    def predict_maps(
        self, inputs: Tensor, data_samples: list[PoseDataSample]
    ) -> tuple[DenseMaps, CropBatch, PosePredictions]:
        """Maps, geometry and poses, for pictures."""
        maps = self(inputs, data_samples)
        batch = stack_crops(data_samples)
        return maps, batch, self.solver(maps, batch)


def attach_predictions(
    samples: list[PoseDataSample], predictions: PosePredictions, maps: DenseMaps
) -> list[PoseDataSample]:
    """Write the poses, and the maps they come from, into the data samples."""
    for index, sample in enumerate(samples):
        own = {name: field[index] for name, field in maps._asdict().items()}
        sample.pred_maps = BaseDataElement(**own)
        sample.pred_pose = predictions.poses[index]
        sample.pred_valid = predictions.valid[index]
        if predictions.covariances is not None:
            sample.pred_covariance = predictions.covariances[index]
    return samples
