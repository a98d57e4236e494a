# python tools/convert_checkpoint.py CDPN.checkpoint checkpoints/cdpn_stage_1.pth
# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v2_r34_lm_coord-cdpn-init.py
# Version 2 with coordinate regression, started from a CDPN stage-1 checkpoint.
# Published: LineMOD ADD(-S) 0.1d 96.36 %.
# Score here: not measured. One 24 GB GPU, batch 32. Memory and time: not measured.
_base_ = [
    "../_base_/models/epropnp_6dof_v2.py",
    "../_base_/datasets/lm_bop.py",
    "../_base_/schedules/rmsprop_161e.py",
    "../_base_/runtime_6dof.py",
]
# the new output layer starts afresh
load_from = "checkpoints/cdpn_stage_1.pth"
model = dict(backbone=dict(init_cfg=None))
