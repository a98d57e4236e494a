# LM-O at the published size counts iterations: train_pbr alone has about 280,000 crops.
optim_wrapper = dict(
    type="FiniteGradOptimWrapper",
    optimizer=dict(type="AdamW", lr=3e-4),
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, start_factor=0.01, begin=0, end=500),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=500, end=100_000, eta_min_ratio=0.01),
]
train_cfg = dict(type="ResumableIterLoop", max_iters=100_000, val_interval=10_000)
val_cfg = {}
test_cfg = {}
