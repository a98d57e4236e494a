# EPro-PnP-Det v2 on a Swin Transformer (tiny), as an example of another family of backbones.
#   python tools/train.py configs/epropnp_det/<this file>
# Score: not measured, none published. 2 GPUs x 6 images; memory and time: not measured.
_base_ = "./epropnp-det-v2_r101-dcn-fpn_2xb6-12e_nus-mono3d.py"

weights = (
    "https://github.com/SwinTransformer/storage/releases/download/v1.0.0/"
    "swin_tiny_patch4_window7_224.pth"
)
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmdet.SwinTransformer",
        embed_dims=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=7,
        drop_path_rate=0.2,
        out_indices=(1, 2, 3),
        convert_weights=True,
        init_cfg=dict(type="Pretrained", checkpoint=weights),
    ),
    neck=dict(in_channels=[192, 384, 768]),
)
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys={
            "absolute_pos_embed": dict(decay_mult=0.0),
            "relative_position_bias_table": dict(decay_mult=0.0),
            "norm": dict(decay_mult=0.0),
        }
    )
)
