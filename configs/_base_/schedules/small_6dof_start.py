# Coordinates from scratch on rendered scenes, small networks on two CPU cores: half an hour.
_base_ = ["./small_6dof.py"]
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, start_factor=0.1, begin=0, end=50),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=50, end=4000, eta_min_ratio=0.1),
]
train_cfg = dict(max_iters=4000, val_interval=4000)
