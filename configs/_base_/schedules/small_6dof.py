# Coordinate regression of small 6DoF networks on two CPU cores: four minutes.
optim_wrapper = dict(
    type="FiniteGradOptimWrapper",
    optimizer=dict(type="AdamW", lr=1.5e-3),
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, start_factor=0.1, begin=0, end=50),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=50, end=900, eta_min_ratio=0.01),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=900, val_interval=900)
val_cfg = {}
test_cfg = {}
