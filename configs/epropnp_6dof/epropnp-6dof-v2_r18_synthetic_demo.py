# make demo-6dof, or with the data of tools/create_synthetic_bop.py:
# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v2_r18_synthetic_demo.py
# A small version 2 network for two CPU cores on the generated objects, ten minutes.
_base_ = [
    "../_base_/models/epropnp_6dof_v2.py",
    "../_base_/datasets/synthetic_bop.py",
    "../_base_/runtime_6dof.py",
]
model = dict(
    backbone=dict(depth=18, base_channels=32, init_cfg=None),
    head=dict(in_channels=256, channels=64),
    criterion=dict(num_points=256, pnp=dict(mc_samples=128)),
)
max_iters = 1500
optim_wrapper = dict(type="FiniteGradOptimWrapper", optimizer=dict(type="AdamW", lr=1e-3))
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, start_factor=0.1, begin=0, end=50),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=50, end=max_iters, eta_min_ratio=0.01),
]
train_cfg = dict(by_epoch=False, max_iters=max_iters, val_interval=max_iters)
val_cfg = {}
test_cfg = {}
default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(by_epoch=False, interval=250, max_keep_ckpts=1, save_best=None),
)
log_processor = dict(by_epoch=False)
randomness = dict(seed=0)
