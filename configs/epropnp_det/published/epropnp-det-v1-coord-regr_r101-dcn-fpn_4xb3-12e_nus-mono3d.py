# Published EPro-PnP-Det v1 with coordinate regression: NDS 0.430 on nuScenes val, 0.439 with TTA.
# Features from stride 4 (four backbone stages), 8 x 32 points.
#   python tools/convert_checkpoint.py PUBLISHED.pth det_v1.pth
#   python tools/test.py configs/epropnp_det/published/<this file> det_v1.pth
# Published scores. Trained on 4 GPUs x 3 images, tested on one GPU; memory and time: not measured.
_base_ = "./epropnp-det-v1b-220312_r101-dcn-fpn_2xb6-12e_nus-mono3d.py"

model = dict(
    backbone=dict(out_indices=(0, 1, 2, 3)),
    neck=dict(in_channels=[256, 512, 1024, 2048], num_outs=6),
    bbox_head=dict(
        num_points=32,
        stride=4,
        dense_features=dict(num_levels=4),
        criterion=dict(
            center_target=dict(output_stride=4),
            auxiliary=dict(roi_size=28),
        ),
    ),
)
train_dataloader = dict(batch_size=3)
