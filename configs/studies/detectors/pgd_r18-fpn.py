# PGD of the studies: mmdet3d's head on the backbone, widths, data and schedule of make demo.
#   python tools/run_study.py head_to_head             trains and tests it beside its siblings
#   tools/dist_train.sh configs/studies/detectors/<this file> 2
# Score measured by the study (605 steps on one CPU core, 14 minutes beside another, mean of 3
# seeds): NDS 0.171, mAP 0.035; rows in results/head_to_head.json. Memory: not measured.
_base_ = [
    "../../_base_/models/pgd_nus.py",
    "../../_base_/datasets/synthetic-mono3d_network-camera.py",
    "../../_base_/schedules/small_det.py",
    "../../_base_/runtime_small.py",
]

width = 64
branch = (width,)
model = dict(
    backbone=dict(
        depth=18,
        base_channels=32,
        out_indices=(1, 2, 3),
        frozen_stages=-1,
        norm_cfg=dict(requires_grad=True),
        norm_eval=False,
        style="pytorch",
        init_cfg=None,
    ),
    neck=dict(in_channels=[64, 128, 256], out_channels=width, start_level=0, num_outs=3),
    bbox_head=dict(
        in_channels=width,
        feat_channels=width,
        strides=[8, 16, 32],
        regress_ranges=((-1, 32), (32, 64), (64, 1e8)),
        cls_branch=branch,
        reg_branch=(branch, branch, branch, branch, (), branch),
        dir_branch=branch,
        attr_branch=branch,
        depth_branch=branch,
        dcn_on_last_conv=False,
    ),
)
