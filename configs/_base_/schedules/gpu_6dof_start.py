# Coordinates from scratch on rendered scenes, on one GPU.
_base_ = ["./small_6dof_start.py"]
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, start_factor=0.1, begin=0, end=50),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=50, end=6000, eta_min_ratio=0.1),
]
train_cfg = dict(max_iters=6000, val_interval=6000)
