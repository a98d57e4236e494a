# Second half of a training on rendered scenes, with the layer or without: about 10 minutes.
_base_ = ["./small_6dof.py"]
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, start_factor=0.1, begin=0, end=50),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=50, end=1500, eta_min_ratio=0.01),
]
train_cfg = dict(max_iters=1500, val_interval=1500)
