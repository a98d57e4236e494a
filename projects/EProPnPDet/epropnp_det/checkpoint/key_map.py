"""Names of parameters in the published checkpoints and here.

A map is a list of prefix pairs; whatever no pair names keeps its
name (backbone, neck, proposal head and sampler are laid out as published). Maps work both ways.
"""

from dataclasses import dataclass

_HEAD = (
    ("cls_emb", "object_query.class_embedding"),
    ("query_scale.scale", "object_query.embedding_scale"),
    ("query_proj", "object_query.projection"),
    ("convs", "dense_features.convs"),
    ("conv_upsampled", "dense_features.fusion"),
    ("k_proj", "dense_features.key_proj"),
    ("v_proj", "dense_features.value_proj"),
    ("x2d_pos_enc", "correspondence_head.position_encoding"),
    ("pred_fc", "object_branches.shared_layers"),
    ("dim_branch", "object_branches.dim_branch"),
    ("score_branch", "object_branches.score_branch"),
    ("velo_branch", "object_branches.velocity_branch"),
    ("attr_branch", "object_branches.attr_branch"),
    ("loss_proj", "criterion.auxiliary.loss_proj"),
    ("loss_regr", "criterion.auxiliary.loss_regr"),
    ("loss_depth", "criterion.auxiliary.depth.criterion"),
    ("depth_branch", "criterion.auxiliary.depth.layers"),
)
_HEAD_V2 = (
    ("obj_query_scale.scale", "correspondence_head.query_scale"),
    ("pts_trans.attentions.0.attn", "correspondence_head.transformer.attention"),
    ("pts_trans.ffns.0", "correspondence_head.transformer.ffn"),
    ("pts_trans.norms", "correspondence_head.transformer.norms"),
    ("corr_reg", "correspondence_head.regression"),
    ("corr_reg_aux", "criterion.auxiliary.correspondences.regression"),
    ("w2d_scale_branch", "object_branches.scale_branch"),
    ("loss_pose", "criterion.object_loss.loss_pose"),
)
_HEAD_V1 = (
    ("obj_query_scale.0.scale", "correspondence_head.query_scale"),
    ("pts_trans.0.attentions.0.attn", "correspondence_head.transformer.attention"),
    ("pts_trans.0.ffns.0", "correspondence_head.transformer.ffn"),
    ("pts_trans.0.norms", "correspondence_head.transformer.norms"),
    ("corr_regs.1", "correspondence_head.regression"),
    ("corr_regs.0", "criterion.auxiliary.correspondences.regression"),
    ("scale_branch", "object_branches.scale_branch"),
    ("loss_pose.0", "criterion.object_loss.loss_pose"),
)


@dataclass(frozen=True)
class KeyMap:
    """A one-to-one renaming of parameters.

    Attributes:
        pairs: (published prefix, our prefix); a prefix ends where a name does.
    """

    pairs: tuple[tuple[str, str], ...]

    def to_ours(self, key: str) -> str:
        """Our name of a published parameter."""
        return _rename(key, self.pairs)

    def to_published(self, key: str) -> str:
        """Published name of one of our parameters."""
        return _rename(key, tuple((ours, published) for published, ours in self.pairs))


def _rename(key: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for old, new in pairs:
        if key == old or key.startswith(f"{old}."):
            return new + key[len(old) :]
    return key


def _in_head(*groups: tuple[tuple[str, str], ...]) -> KeyMap:
    return KeyMap(
        tuple((f"bbox_head.{old}", f"bbox_head.{new}") for group in groups for old, new in group)
    )


DET_V1 = _in_head(_HEAD_V1, _HEAD)
DET_V2 = _in_head(_HEAD_V2, _HEAD)
