"""The EPro-PnP head: a list of stages."""

from collections.abc import Sequence

import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from .geometry.pixels import at_least_float32, batch_geometry
from .inference.decode import decode
from .inference.settings import InferenceSettings
from .proposals.selection import gather_proposals, select_points
from .published_names import refuse_published_names, refuse_train_cfg
from .shared_settings import hand_down
from .structures import BatchGeometry, DenseOutputs, FeatureMaps, ObjectPredictions, Proposals


@MODELS.register_module()
class DeformPnPHead(BaseModule):
    """Detect objects by deformable correspondences and probabilistic PnP (EPro-PnP, section 4.2).

    Each stage is given by its config; :mod:`epropnp_det.models.structures` names what travels
    between them. Widths, classes, heads, points and strides are stated once, here: a stage gets
    those it has an argument for, unless its own config gives another
    (:func:`~epropnp_det.models.shared_settings.hand_down`).

    Args:
        classes: names of the K classes in the order of the labels, those of the data set
            (``metainfo.classes``). Stages get their number as ``num_classes``.
        dim_coder: config of the coder of dimensions (:class:`MultiClassLogDimCoder`).
        detector: dense proposals (:class:`FCOSEmbHead`).
        dense_features: key and value maps (:class:`DenseFeatures`).
        object_query: query of an object (:class:`ObjectQuery`).
        attention_sampler: deformable sampling and attention
            (:class:`DeformableAttentionSampler`).
        object_branches: dimensions, velocity, attribute, scores (:class:`ObjectBranches`).
        correspondence_head: 3D points and weights (:class:`CorrespondenceHead`).
        pose_solver: camera, cost and PnP layer (:class:`PoseSolver`); a
            :class:`~epropnp_det.models.pose.pose_solver.PoseStage`. Nothing is handed down to it.
        criterion: targets, auxiliary modules and losses; a head without it cannot be trained.
        embed_dims: channels of embeddings, queries, key and value maps.
        in_channels: channels of the FPN maps; as ``embed_dims`` if None.
        feat_channels: channels of the towers of the proposal head; as ``embed_dims`` if None.
        num_heads: attention heads H.
        num_points: points per head.
        strides: strides of the levels of the proposal head, aug pixels.
        stride: of the key and value maps and of all that counts in their cells, aug pixels; the
            first of ``strides`` if None.
        principal_point_shift: pixels added to the principal points of all cameras. v1 counted
            pixel centres by integers but read the intrinsics as they are; 0.5 reproduces that.
        train_cfg: refused unless empty, see :mod:`epropnp_det.models.published_names`.
        test_cfg: fields of :class:`InferenceSettings`.

    Raises:
        ValueError: a name of a published config that means something else here, an unknown
            setting, or a branch without a loss.
    """

    def __init__(  # noqa: PLR0913 - one argument per stage, and what the stages share
        self,
        classes: Sequence[str],
        dim_coder: dict,
        detector: dict,
        dense_features: dict,
        object_query: dict,
        attention_sampler: dict,
        object_branches: dict,
        correspondence_head: dict,
        pose_solver: dict,
        criterion: dict | None = None,
        embed_dims: int = 256,
        in_channels: int | None = None,
        feat_channels: int | None = None,
        num_heads: int = 8,
        num_points: int = 16,
        strides: tuple[int, ...] = (8, 16, 32, 64, 128),
        stride: int | None = None,
        principal_point_shift: float = 0.0,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        refuse_train_cfg(train_cfg)
        self.classes = tuple(classes)
        shared = dict(
            num_classes=len(classes),
            dim_coder=hand_down(dim_coder, dict(classes=self.classes)),
            embed_dims=embed_dims,
            in_channels=in_channels or embed_dims,
            feat_channels=feat_channels or embed_dims,
            num_heads=num_heads,
            num_points=num_points,
            strides=tuple(strides),
            stride=stride or strides[0],
        )

        def build(name: str, config: dict) -> nn.Module:
            refuse_published_names(config, f"bbox_head.{name}")
            return MODELS.build(hand_down(config, shared))

        self.detector = build("detector", detector)
        self.dense_features = build("dense_features", dense_features)
        self.object_query = build("object_query", object_query)
        self.attention_sampler = build("attention_sampler", attention_sampler)
        self.object_branches = build("object_branches", object_branches)
        self.correspondence_head = build("correspondence_head", correspondence_head)
        self.pose_solver = MODELS.build(pose_solver)
        self.criterion = None if criterion is None else build("criterion", criterion)
        self.principal_point_shift = principal_point_shift
        self.test_settings = InferenceSettings.from_config(test_cfg or {})
        self._check_losses()

    def _check_losses(self) -> None:
        """Refuse a branch that no loss trains and a loss that no branch feeds.

        The first would wait for a gradient in vain where processes train together.
        """
        pairs = (("detector", "proposal_loss"), ("object_branches", "object_loss"))
        for stage, loss in pairs:
            branches = getattr(getattr(self, stage), "optional_branches", None)
            losses = getattr(getattr(self.criterion, loss, None), "optional_losses", None)
            if branches is None or losses is None:
                continue
            for name, is_predicted in branches.items():
                if is_predicted != losses[name]:
                    raise ValueError(
                        f"bbox_head.{stage} has {'a' if is_predicted else 'no'} branch for {name}, "
                        f"but criterion.{loss}.{name} is {'given' if losses[name] else 'None'}: "
                        "set both or none"
                    )

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

        Predictions are float32 or better: scores and geometry have no place in half precision.

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
        attention = None if points.attention is None else points.attention.flatten(1)
        predicted = dict(x2d=x2d, noc=noc, w2d=w2d, **properties._asdict(), attention=attention)
        return ObjectPredictions(
            query=query,
            **{
                name: None if value is None else at_least_float32(value)
                for name, value in predicted.items()
            },
        )

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
        generator = None
        if settings.seed is not None:
            generator = torch.Generator(objects.x2d.device).manual_seed(settings.seed)
        estimates = self.pose_solver.solve(
            objects,
            geometry,
            proposals.img_inds,
            with_pose_cov=settings.with_pose_cov,
            fast_mode=settings.fast_mode,
            mc_scoring_ratio=settings.mc_scoring_ratio,
            generator=generator,
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
