"""The EPro-PnP head: a list of stages."""

from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor

from .geometry.pixels import batch_geometry
from .inference.decode import decode
from .inference.settings import InferenceSettings
from .proposals.selection import gather_proposals, select_points
from .structures import BatchGeometry, DenseOutputs, FeatureMaps, ObjectPredictions, Proposals


@MODELS.register_module()
class DeformPnPHead(BaseModule):
    """Detect objects by deformable correspondences and probabilistic PnP (EPro-PnP, section 4.2).

    Each argument is the config of one stage; :mod:`epropnp_det.models.structures` names what
    travels between them.

    Args:
        detector: dense proposals (:class:`FCOSEmbHead`).
        dense_features: key and value maps (:class:`DenseFeatures`).
        object_query: query of an object (:class:`ObjectQuery`).
        attention_sampler: deformable sampling and attention
            (:class:`DeformableAttentionSampler`).
        object_branches: dimensions, velocity, attribute, scores (:class:`ObjectBranches`).
        correspondence_head: 3D points and weights (:class:`CorrespondenceHead`).
        pose_solver: camera, cost and PnP layer (:class:`PoseSolver`).
        criterion: targets, auxiliary modules and losses; a head without it cannot be trained.
        principal_point_shift: pixels added to the principal points of all cameras. v1 counted
            pixel centres by integers but read the intrinsics as they are; 0.5 reproduces that.
        train_cfg: unused, part of mmdet3d's interface.
        test_cfg: fields of :class:`InferenceSettings`.
    """

    def __init__(  # noqa: PLR0913 - one argument per stage
        self,
        detector: dict,
        dense_features: dict,
        object_query: dict,
        attention_sampler: dict,
        object_branches: dict,
        correspondence_head: dict,
        pose_solver: dict,
        criterion: dict | None = None,
        principal_point_shift: float = 0.0,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        self.detector = MODELS.build(detector)
        self.dense_features = MODELS.build(dense_features)
        self.object_query = MODELS.build(object_query)
        self.attention_sampler = MODELS.build(attention_sampler)
        self.object_branches = MODELS.build(object_branches)
        self.correspondence_head = MODELS.build(correspondence_head)
        self.pose_solver = MODELS.build(pose_solver)
        self.criterion = None if criterion is None else MODELS.build(criterion)
        self.principal_point_shift = principal_point_shift
        self.test_settings = InferenceSettings(**(test_cfg or {}))

    def forward(self, feats: tuple[Tensor, ...], geometry: BatchGeometry) -> DenseOutputs:
        """Everything that is computed once per image, see :meth:`forward_dense`."""
        return self.forward_dense(feats, geometry)

    def forward_dense(
        self, feats: tuple[Tensor, ...], geometry: BatchGeometry, with_bbox: bool = True
    ) -> DenseOutputs:
        """Run the dense stages.

        Args:
            feats: FPN maps, finest first.
            geometry: the batch.
            with_bbox: run the 2D box branch, which only training needs.
        """
        return DenseOutputs(
            proposals=self.detector(feats, with_bbox=with_bbox),
            features=self.dense_features(feats, geometry),
        )

    def predict_objects(
        self, features: FeatureMaps, proposals: Proposals, geometry: BatchGeometry
    ) -> ObjectPredictions:
        """Run the stages of the objects, in training and at inference.

        Args:
            features: key and value maps.
            proposals: M objects; M may be 0.
            geometry: the batch.
        """
        flips = geometry.flips[proposals.img_inds]
        embeddings, query = self.object_query(
            proposals.embeddings,
            proposals.labels,
            proposals.centers,
            geometry.img_shapes[proposals.img_inds],
        )
        points = self.attention_sampler(embeddings, query, proposals, features, geometry)
        properties = self.object_branches(points.embeddings, proposals.labels, flips)
        x2d, noc, w2d = self.correspondence_head(points, query, flips)
        return ObjectPredictions(query=query, x2d=x2d, noc=noc, w2d=w2d, **properties._asdict())

    def loss(
        self, feats: tuple[Tensor, ...], batch_data_samples: list[Det3DDataSample]
    ) -> dict[str, Tensor]:
        """Losses of a training batch.

        Raises:
            RuntimeError: the head was built without a criterion.
        """
        if self.criterion is None:
            raise RuntimeError("this DeformPnPHead has no criterion; add one to train it")
        geometry = self.geometry(feats, batch_data_samples)
        dense = self.forward_dense(feats, geometry)
        targets = self.criterion.assign(dense.proposals, geometry, batch_data_samples)
        samples = targets.samples
        proposals = gather_proposals(
            dense.proposals, samples.img_inds, samples.point_inds, samples.labels
        )
        objects = self.predict_objects(dense.features, proposals, geometry)
        return self.criterion(dense, objects, targets, geometry, self.pose_solver)

    def predict(
        self,
        feats: tuple[Tensor, ...],
        batch_data_samples: list[Det3DDataSample],
        rescale: bool = True,
    ) -> list[InstanceData]:
        """Detections of a test batch, in the frames of the original images.

        Args:
            feats: FPN maps, finest first.
            batch_data_samples: B data samples, for their metainfo.
            rescale: part of mmdet3d's interface; results are always in original pixels.
        """
        geometry = self.geometry(feats, batch_data_samples)
        dense = self.forward_dense(feats, geometry, with_bbox=False)
        proposals = self.select(dense)
        objects = self.predict_objects(dense.features, proposals, geometry)
        return self.solve_and_decode(objects, proposals, geometry)

    def select(self, dense: DenseOutputs) -> Proposals:
        """Pick the objects of a test batch."""
        maps = dense.proposals
        return gather_proposals(maps, *self.choose(maps.cls_logits, maps.centerness_logits))

    def choose(
        self, cls_logits: list[Tensor], centerness_logits: list[Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Images, points and labels to look at, see :func:`select_points`."""
        settings = self.test_settings
        return select_points(
            cls_logits,
            centerness_logits,
            max_per_img=settings.max_obj_per_img,
            min_score=settings.min_fcos_score,
            pool_batch=settings.pool_batch,
        )

    def solve_and_decode(
        self, objects: ObjectPredictions, proposals: Proposals, geometry: BatchGeometry
    ) -> list[InstanceData]:
        """Solve the poses of the objects and turn them into detections."""
        settings = self.test_settings
        estimates = self.pose_solver.solve(
            objects,
            geometry,
            proposals.img_inds,
            with_pose_cov=settings.with_pose_cov,
            fast_mode=settings.fast_mode,
            mc_scoring_ratio=settings.mc_scoring_ratio,
        )
        return decode(objects, estimates, proposals, geometry, settings)

    def geometry(
        self, feats: tuple[Tensor, ...], batch_data_samples: list[Det3DDataSample]
    ) -> BatchGeometry:
        """Geometry of a batch on the device of its features."""
        metainfos = [sample.metainfo for sample in batch_data_samples]
        pad_shape = metainfos[0].get("batch_input_shape", metainfos[0]["pad_shape"])
        return batch_geometry(
            metainfos, tuple(pad_shape[:2]), feats[0].device, self.principal_point_shift
        )
