# Published EPro-PnP-Det v1 (basic): NDS 0.425 on nuScenes val. Needs no lidar.
#   python tools/convert_checkpoint.py PUBLISHED.pth det_v1.pth
#   python tools/test.py configs/epropnp_det/published/<this file> det_v1.pth
# Published scores. Trained on 4 GPUs x 3 images, tested on one GPU; memory and time: not measured.
_base_ = "./epropnp-det-v1-coord-regr_r101-dcn-fpn_4xb3-12e_nus-mono3d.py"

model = dict(bbox_head=dict(criterion=dict(auxiliary=dict(loss_regr=None))))
