# The published 6DoF schedule: RMSprop, epochs 0 to 160, learning rate x 0.1 after 50, 100, 150.
optim_wrapper = dict(
    type="FiniteGradOptimWrapper",  # skips a step whose gradient is not finite
    optimizer=dict(type="RMSprop", lr=1e-4, alpha=0.99, eps=1e-8),
)
param_scheduler = [
    dict(type="MultiStepLR", by_epoch=True, begin=0, end=161, milestones=[51, 101, 151], gamma=0.1),
]
train_cfg = dict(type="ResumableEpochLoop", max_epochs=161, val_interval=10)
val_cfg = {}
test_cfg = {}
