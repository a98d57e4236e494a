"""Dense proposal head: FCOS-style maps with an object embedding and a reference point per class.

EPro-PnP, section 4.2 and appendix; FCOS3D for the towers.
"""

from mmcv.cnn import ConvModule
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule, bias_init_with_prob, normal_init
from torch import Tensor, nn

from ..structures import ProposalMaps
from .levels import level_points


@MODELS.register_module()
class FCOSEmbHead(BaseModule):
    """Predict class, centerness, object embedding and object centre at every point.

    The same convolutions serve all levels. Two towers (classification, regression) of
    ``stacked_convs`` blocks feed one further block and a 1x1 convolution per output.

    Args:
        num_classes: number of classes K.
        in_channels: channels of the FPN maps.
        feat_channels: channels of the towers.
        embed_dims: channels of the object embedding.
        centerness_channels: channels of the block before the centerness.
        strides: strides of the levels, aug pixels; the head reads the last ``len(strides)`` maps
            it is given.
        stacked_convs: blocks per tower.
        dcn_on_last_conv: let the last block of each tower be deformable (DCNv2).
        class_agnostic_center: predict one centre per point instead of one per class.
        with_bbox: predict the 2D box (auxiliary, used in training only).
        center_init_std: deviation of the first weights of the centre's 1x1 convolution, which
            has no bias then; None keeps torch's start (v1).
        norm_cfg: normalisation of the blocks.
    """

    def __init__(  # noqa: PLR0913 - a flat list of widths, as in every dense head of mmdet
        self,
        num_classes: int,
        in_channels: int = 256,
        feat_channels: int = 256,
        embed_dims: int = 256,
        centerness_channels: int = 64,
        strides: tuple[int, ...] = (8, 16, 32, 64, 128),
        stacked_convs: int = 2,
        dcn_on_last_conv: bool = True,
        class_agnostic_center: bool = False,
        with_bbox: bool = True,
        center_init_std: float | None = 0.01,
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.strides = tuple(strides)
        self.class_agnostic_center = class_agnostic_center
        self.with_bbox = with_bbox
        self.center_init_std = center_init_std
        norm_cfg = norm_cfg or dict(type="GN", num_groups=32, requires_grad=True)

        def block(in_width: int, out_width: int, kernel: int = 3, dcn: bool = False) -> ConvModule:
            conv_cfg = dict(type="DCNv2") if dcn else None
            padding = kernel // 2
            return ConvModule(
                in_width, out_width, kernel, padding=padding, conv_cfg=conv_cfg, norm_cfg=norm_cfg
            )

        def tower() -> nn.Sequential:
            widths = [in_channels] + [feat_channels] * (stacked_convs - 1)
            blocks = [block(width, feat_channels) for width in widths[:-1]]
            return nn.Sequential(*blocks, block(widths[-1], feat_channels, dcn=dcn_on_last_conv))

        def branch(width: int) -> nn.Sequential:
            return nn.Sequential(block(feat_channels, width))

        self.cls_convs = tower()
        self.reg_convs = tower()
        self.conv_cls_prev = branch(feat_channels)
        self.conv_cls = nn.Conv2d(feat_channels, num_classes, 1)
        self.conv_centerness_prev = branch(centerness_channels)
        self.conv_centerness = nn.Conv2d(centerness_channels, 1, 1)
        self.conv_emb_prev = branch(feat_channels)
        self.conv_emb = block(feat_channels, embed_dims, kernel=1)
        self.conv_offset_prev = branch(feat_channels)
        center_channels = 2 if class_agnostic_center else 2 * num_classes
        self.conv_offset = nn.Conv2d(feat_channels, center_channels, 1)
        if with_bbox:
            self.conv_bbox_prev = branch(feat_channels)
            self.conv_bbox = nn.Conv2d(feat_channels, 4, 1)

    @property
    def optional_branches(self) -> dict[str, bool]:
        """Which of the branches that a config can leave out there are, by the loss of each."""
        return {"loss_bbox": self.with_bbox}

    def init_weights(self) -> None:
        """Start with rare objects at the points themselves; 1 stride wide boxes."""
        super().init_weights()
        normal_init(self.conv_cls, std=0.01, bias=bias_init_with_prob(0.01))
        if self.center_init_std is not None:
            normal_init(self.conv_offset, std=self.center_init_std)
        if self.with_bbox:
            normal_init(self.conv_bbox, std=0.01, bias=1.0)

    def forward(self, feats: tuple[Tensor, ...], with_bbox: bool = True) -> ProposalMaps:
        """Predict the maps of all levels.

        Args:
            feats: FPN maps (B, C, h, w), finest first; the last ``len(strides)`` are read.
            with_bbox: run the 2D box branch, if the head has it; inference needs no boxes.
        """
        feats = feats[-len(self.strides) :]
        with_bbox = with_bbox and self.with_bbox
        outputs = [
            self._forward_level(feat, stride, with_bbox)
            for feat, stride in zip(feats, self.strides, strict=True)
        ]
        cls_logits, centerness, embeddings, centers, bboxes, points = zip(*outputs, strict=True)
        return ProposalMaps(
            cls_logits=list(cls_logits),
            centerness_logits=list(centerness),
            embeddings=list(embeddings),
            centers=list(centers),
            bboxes=list(bboxes) if with_bbox else None,
            points=list(points),
            strides=self.strides,
        )

    def _forward_level(
        self, feat: Tensor, stride: int, with_bbox: bool
    ) -> tuple[Tensor | None, ...]:
        cls_feat = self.cls_convs(feat)
        reg_feat = self.reg_convs(feat)
        points = level_points(feat.shape[-2:], stride, feat)
        grid = points.mT.reshape(1, 2, *feat.shape[-2:])
        offsets = self.conv_offset(self.conv_offset_prev(reg_feat)).to(grid.dtype)
        centers = offsets * stride + grid.repeat(1, offsets.shape[1] // 2, 1, 1)
        bboxes = None
        if with_bbox:
            bboxes = self.conv_bbox(self.conv_bbox_prev(reg_feat)).relu() * stride
        return (
            self.conv_cls(self.conv_cls_prev(cls_feat)),
            self.conv_centerness(self.conv_centerness_prev(reg_feat)),
            self.conv_emb(self.conv_emb_prev(reg_feat)),
            centers,
            bboxes,
            points,
        )
