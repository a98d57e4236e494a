# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v1_r34_lm_basic.py
# Version 1: coordinate regression and Monte Carlo pose loss, from ImageNet weights.
# Published: LineMOD ADD(-S) 0.02d / 0.05d / 0.1d = 32.14 / 72.83 / 92.66 % (re-trained by the
# authors 33.05 / 72.69 / 92.40).
# Score here: not measured. One 24 GB GPU, batch 32. Memory and time: not measured.
_base_ = [
    "../_base_/models/epropnp_6dof_v2.py",
    "../_base_/datasets/lm_bop.py",
    "../_base_/schedules/rmsprop_161e.py",
    "../_base_/runtime_6dof.py",
]
model = dict(
    head=dict(normal_init=True),
    criterion=dict(
        weighting="centered_exp",
        loss_weights=dict(coord=1.0, mc=0.02, translation=0.0, rotation=0.0),
    ),
    solver=dict(weighting="centered_exp"),
)
