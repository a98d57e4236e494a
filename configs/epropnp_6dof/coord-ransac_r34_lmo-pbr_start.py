# python tools/train.py configs/epropnp_6dof/coord-ransac_r34_lmo-pbr_start.py
# LM-O at the published size, first half: coordinates from train_pbr and our renders, from ImageNet
# weights. Score on LM-O: not measured, never run.
# One 24 GB GPU, batch 32. Memory and time: not measured.
_base_ = [
    "../_base_/models/epropnp_6dof_v2.py",
    "../_base_/datasets/lmo_pbr.py",
    "../_base_/schedules/adam_lmo.py",
    "../_base_/runtime_6dof.py",
]
model = dict(
    symmetric_targets=True,
    criterion=dict(_delete_=True, type="CoordRegressionCriterion"),
    solver=dict(_delete_=True, type="RansacPnPSolver"),
)
find_unused_parameters = True  # the weight scale is not trained
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=10_000, max_keep_ckpts=2))
log_processor = dict(by_epoch=False)
