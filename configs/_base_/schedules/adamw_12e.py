# The published schedule: AdamW, 12 epochs, no warm-up, learning rate x 0.1 after epochs 9 and 11.
optim_wrapper = dict(
    type="FiniteGradOptimWrapper",  # skips a step whose gradient is not finite
    optimizer=dict(type="AdamW", lr=1e-4, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={"sampling_offsets": dict(lr_mult=0.1)}),
    clip_grad=dict(max_norm=5.0, norm_type=2),
)

param_scheduler = [
    dict(type="MultiStepLR", by_epoch=True, begin=0, end=12, milestones=[9, 11], gamma=0.1),
]

train_cfg = dict(type="ResumableEpochLoop", max_epochs=12, val_interval=1)
val_cfg = {}
test_cfg = {}

# the learning rate belongs to 2 GPUs x 6 images; tools/train.py --auto-scale-lr adapts it
auto_scale_lr = dict(enable=False, base_batch_size=12)
