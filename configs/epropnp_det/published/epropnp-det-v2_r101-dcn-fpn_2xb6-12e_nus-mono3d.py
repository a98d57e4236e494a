# Published EPro-PnP-Det v2 weights: the model behaves as the code they were trained with
# (docs/compatibility.md). No score on nuScenes val was published; trainval weights: NDS 0.481.
#   python tools/convert_checkpoint.py PUBLISHED.pth det_v2.pth
#   python tools/test.py configs/epropnp_det/published/<this file> det_v2.pth
# Published scores. Trained on 2 GPUs x 6 images, tested on one GPU; memory and time: not measured.
_base_ = "../epropnp-det-v2_r101-dcn-fpn_2xb6-12e_nus-mono3d.py"

model = dict(
    bbox_head=dict(
        attention_sampler=dict(image_points=dict(border_ramp="published")),
        pose_solver=dict(
            pnp=dict(proposals=dict(type="YawProposals", rule=dict(type="PublishedFit"))),
            test_pnp=dict(solver=dict(published_fast_mode=True)),
        ),
    ),
    test_cfg=dict(
        pool_batch=True,
        fast_mode=True,
        near_plane="published",
        drop_lone_box=True,
        tta_mirror="reverse",
    ),
)
