# Published EPro-PnP-Det v1b (220312): NDS 0.434 on nuScenes val, 0.446 with TTA.
# No class embedding, one centre for all classes, 512 Monte Carlo samples.
#   python tools/convert_checkpoint.py PUBLISHED.pth det_v1b.pth
#   python tools/test.py configs/epropnp_det/published/<this file> det_v1b.pth
# Published scores. Trained on 2 GPUs x 6 images, tested on one GPU; memory and time: not measured.
_base_ = "./epropnp-det-v1b-220411_r101-dcn-fpn_2xb6-12e_nus-mono3d.py"

model = dict(
    bbox_head=dict(
        detector=dict(class_agnostic_center=True),
        object_query=dict(num_classes=None),
        pose_solver=dict(pnp=dict(mc_samples=512), test_pnp=dict(mc_samples=512)),
        criterion=dict(object_loss=dict(loss_pose=dict(loss_weight=0.15))),
    ),
)
