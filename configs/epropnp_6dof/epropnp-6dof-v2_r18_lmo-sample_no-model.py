# python tools/create_lmo_sample.py SOURCE data/lmo_sample
# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v2_r18_lmo-sample_no-model.py
# The same frames without the 3D model: object coordinates are learned from the poses alone.
# Score measured: ADD 0.1d 57.1 on 7 frames (docs/sixdof.md).
# Two CPU cores, no GPU; about ten minutes on one of them. Memory: not measured.
_base_ = [
    "../_base_/models/epropnp_6dof_v2_small.py",
    "../_base_/datasets/lmo_sample.py",
    "../_base_/schedules/small_6dof_layer.py",
    "../_base_/runtime_6dof_small.py",
]
model = dict(criterion=dict(loss_weights=dict(coord=0.0)))
