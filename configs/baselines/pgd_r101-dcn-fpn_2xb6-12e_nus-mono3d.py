# PGD (mmdet3d's own head) on the data, augmentation and schedule of EPro-PnP-Det v2.
#   python tools/train.py configs/baselines/<this file>
#   python tools/test.py configs/baselines/<this file> CKPT
# Score under this schedule: not measured. 2 GPUs x 6 images; memory and time: not measured.
_base_ = [
    "../_base_/models/pgd_nus.py",
    "../_base_/datasets/nus-mono3d_network-camera.py",
    "../_base_/schedules/adamw_12e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    backbone=dict(
        style="pytorch",
        dcn=dict(type="DCNv2", deform_groups=1, fallback_on_stride=False),
        stage_with_dcn=(False, False, True, True),
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet101"),
    ),
)
