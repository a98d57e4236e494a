# PGD with the statistics of nuScenes' ten classes, and a branch for 2D boxes.
_base_ = ["mmdet3d::_base_/models/pgd.py"]

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
    bbox_head=dict(
        group_reg_dims=(2, 1, 3, 1, 2, 4),  # offset, depth, size, rotation, velocity, 2D box
        reg_branch=((256,), (256,), (256,), (256,), (), (256,)),
        loss_depth=dict(type="mmdet.SmoothL1Loss", beta=1.0 / 9.0, loss_weight=1.0),
        bbox_coder=dict(base_depths=base_depths, base_dims=base_dims),
    ),
    train_cfg=dict(code_weight=[1.0] * 2 + [0.2] + [1.0] * 4 + [0.05] * 2 + [0.2] * 4),
)
