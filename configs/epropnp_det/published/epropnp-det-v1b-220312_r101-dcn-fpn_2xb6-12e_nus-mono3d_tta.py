# epropnp-det-v1b-220312_r101-dcn-fpn_2xb6-12e_nus-mono3d
# with flip test-time augmentation (same weights; as `--tta`): NDS 0.446 on nuScenes val.
#   python tools/test.py configs/epropnp_det/published/<this file> CKPT
_base_ = "./epropnp-det-v1b-220312_r101-dcn-fpn_2xb6-12e_nus-mono3d.py"

model = dict(
    _delete_=True,
    type="EProPnPDetTTAModel",
    module=_base_.model,
)
test_dataloader = dict(dataset=dict(pipeline=_base_.tta_pipeline))
