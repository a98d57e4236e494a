# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v2_r34_lmo-pbr.py
# LM-O at the published size: EPro-PnP on top of coord-ransac_r34_lmo-pbr_start.py, trained on
# train_pbr and our renders. Score on LM-O: not measured, never run.
# One 24 GB GPU, batch 32. Memory and time: not measured.
_base_ = [
    "../_base_/models/epropnp_6dof_v2.py",
    "../_base_/datasets/lmo_pbr.py",
    "../_base_/schedules/adam_lmo.py",
    "../_base_/runtime_6dof.py",
]
start = "work_dirs/coord-ransac_r34_lmo-pbr_start/iter_100000.pth"
model = dict(
    symmetric_targets=True,
    backbone=dict(init_cfg=None),
    init_cfg=dict(type="Pretrained", checkpoint=start),
)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=10_000, max_keep_ckpts=2))
log_processor = dict(by_epoch=False)
