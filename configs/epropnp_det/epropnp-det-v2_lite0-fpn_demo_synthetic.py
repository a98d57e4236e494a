# EPro-PnP-Det v2 on a small scale: EfficientNet-Lite0 with ImageNet weights, most of it fixed, head
# 64 wide, images 448 x 252. For a CPU and the synthetic data set; `make demo` runs it.
#
#   tools/dist_train.sh configs/epropnp_det/epropnp-det-v2_lite0-fpn_demo_synthetic.py 2
#
# Score on the synthetic mini_val with tools/test.py --tta, three seeds: NDS 0.411 +- 0.005, mAP
# 0.294 +- 0.006 (0.290 to 0.300); other trainings: docs/training.md. Time and memory: 9:30 on 2
# slow CPU cores (0.61 s a step), 1.2 GB a process.
_base_ = [
    "../_base_/models/epropnp_det_v2_small_lite0.py",
    "../_base_/datasets/synthetic-mono3d.py",
    "../_base_/schedules/small_det.py",
    "../_base_/runtime_small.py",
]

max_iters = 900
optim_wrapper = dict(optimizer=dict(lr=5e-3))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.05, by_epoch=False, begin=0, end=100),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=100, end=max_iters, eta_min_ratio=0.01),
]
train_cfg = dict(max_iters=max_iters)
