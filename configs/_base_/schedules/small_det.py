# Detectors from scratch on two CPU cores: eight minutes.
_base_ = ["./adamw_12e.py"]

max_iters = 1150
val_cfg = None  # scored once, by tools/test.py
optim_wrapper = dict(optimizer=dict(lr=3e-3, fused=True), clip_grad=dict(max_norm=10.0))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.05, by_epoch=False, begin=0, end=100),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=100, end=max_iters, eta_min_ratio=0.01),
]
train_cfg = dict(_delete_=True, type="IterBasedTrainLoop", max_iters=max_iters)
