# EPro-PnP-Det v2 on a ResNet-50: half the backbone of the published model.
#   python tools/train.py configs/epropnp_det/<this file>
# Score: not measured, none published. 2 GPUs x 6 images; memory and time: not measured.
_base_ = "./epropnp-det-v2_r101-dcn-fpn_2xb6-12e_nus-mono3d.py"

model = dict(
    backbone=dict(depth=50, init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet50"))
)
