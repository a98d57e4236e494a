# Published EPro-PnP-Det v1b (220411): NDS 0.444 on nuScenes val, 0.453 with TTA.
#   python tools/convert_checkpoint.py PUBLISHED.pth det_v1b.pth
#   python tools/test.py configs/epropnp_det/published/<this file> det_v1b.pth
# Published scores. Trained on 2 GPUs x 6 images, tested on one GPU; memory and time: not measured.
_base_ = "./epropnp-det-v2_r101-dcn-fpn_2xb6-12e_nus-mono3d.py"

model = dict(
    bbox_head=dict(
        principal_point_shift=0.5,
        detector=dict(with_bbox=False, center_init_std=None),
        attention_sampler=dict(image_points=dict(_delete_=True, type="RasterImagePoints")),
        object_branches=dict(xavier_shared_layers=False),
        correspondence_head=dict(detach_positions=True),
        pose_solver=dict(
            cost_fun=dict(delta_gradient="all but x2d"),
            derivative_cost_fun=dict(delta_gradient="none"),
            test_pnp=dict(mc_samples=128),
            detach_scales=True,
        ),
        criterion=dict(
            proposal_loss=dict(loss_bbox=None),
            auxiliary=dict(
                regr_unit="max",
                cell_rule=dict(type="InterpolatedCells", pixel_shift=0.5),
                loss_proj=dict(delta=float("inf")),
                loss_regr=dict(
                    _delete_=True, type="MixtureSmoothL1Loss", beta=0.05, loss_weight=0.25
                ),
                depth=None,
            ),
        ),
    ),
)
param_scheduler = [
    dict(type="MultiStepLR", by_epoch=True, begin=0, end=12, milestones=[10, 11], gamma=0.1),
]
