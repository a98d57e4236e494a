# Second half of a training on rendered scenes on one GPU, with the layer or without.
_base_ = ["./small_6dof_second.py"]
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, start_factor=0.1, begin=0, end=50),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=50, end=2000, eta_min_ratio=0.01),
]
train_cfg = dict(max_iters=2000, val_interval=2000)
