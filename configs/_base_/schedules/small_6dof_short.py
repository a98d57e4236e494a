# As small_6dof.py, shorter: for data sets of a few frames.
_base_ = ["./small_6dof.py"]
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, start_factor=0.1, begin=0, end=50),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=50, end=400, eta_min_ratio=0.01),
]
train_cfg = dict(max_iters=400, val_interval=400)
