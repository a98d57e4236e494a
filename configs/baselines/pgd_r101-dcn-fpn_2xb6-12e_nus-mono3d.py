# PGD (mmdet3d's own head) on the data, augmentation and schedule of EPro-PnP-Det v2.
#   python tools/train.py configs/baselines/<this file>
#   python tools/test.py configs/baselines/<this file> CKPT
# Score under this schedule: not measured. 2 GPUs x 6 images; memory and time: not measured.
_base_ = [
    "mmdet3d::_base_/models/pgd.py",
    "../_base_/datasets/nus-mono3d_network-camera.py",
    "../_base_/schedules/adamw_12e.py",
    "../_base_/default_runtime.py",
]

# mean and deviation of the depth, mean (l, h, w) of each class of nuScenes, metres
# fmt: off
base_depths = (
    (31.99, 21.12), (37.15, 24.63), (39.69, 23.97), (40.91, 26.34), (34.16, 20.11),
    (22.35, 13.70), (24.28, 16.05), (27.26, 15.50), (20.61, 13.68), (22.74, 15.01),
)
base_dims = (
    (4.62, 1.73, 1.96), (6.94, 2.84, 2.52), (12.56, 3.89, 2.94), (11.22, 3.50, 2.95),
    (6.68, 3.21, 2.85), (1.70, 1.29, 0.61), (2.11, 1.46, 0.78), (0.73, 1.77, 0.67),
    (0.41, 1.08, 0.41), (0.50, 0.99, 2.52),
)
# fmt: on
model = dict(
    backbone=dict(
        style="pytorch",
        dcn=dict(type="DCNv2", deform_groups=1, fallback_on_stride=False),
        stage_with_dcn=(False, False, True, True),
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet101"),
    ),
    bbox_head=dict(
        group_reg_dims=(2, 1, 3, 1, 2, 4),  # offset, depth, size, rotation, velocity, 2D box
        reg_branch=((256,), (256,), (256,), (256,), (), (256,)),
        loss_depth=dict(type="mmdet.SmoothL1Loss", beta=1.0 / 9.0, loss_weight=1.0),
        bbox_coder=dict(base_depths=base_depths, base_dims=base_dims),
    ),
    train_cfg=dict(code_weight=[1.0] * 2 + [0.2] + [1.0] * 4 + [0.05] * 2 + [0.2] * 4),
)
