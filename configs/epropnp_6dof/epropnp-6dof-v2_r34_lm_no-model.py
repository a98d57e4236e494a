# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v2_r34_lm_no-model.py
# Version 2 without any 3D model in training: object coordinates are learned from poses alone.
# Published: LineMOD ADD(-S) 0.1d 93.83 %.
# Score here: not measured. One 24 GB GPU, batch 32. Memory and time: not measured.
_base_ = [
    "../_base_/models/epropnp_6dof_v2.py",
    "../_base_/datasets/lm_bop.py",
    "../_base_/schedules/rmsprop_161e.py",
    "../_base_/runtime_6dof.py",
]
model = dict(criterion=dict(loss_weights=dict(coord=0.0)))
