# A short schedule for small 6DoF networks on two CPU cores.
max_iters = 1500
optim_wrapper = dict(type="FiniteGradOptimWrapper", optimizer=dict(type="AdamW", lr=1e-3))
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, start_factor=0.1, begin=0, end=50),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=50, end=max_iters, eta_min_ratio=0.01),
]
train_cfg = dict(by_epoch=False, max_iters=max_iters, val_interval=max_iters)
val_cfg = {}
test_cfg = {}
