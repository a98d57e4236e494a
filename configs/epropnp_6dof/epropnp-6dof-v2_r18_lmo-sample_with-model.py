# python tools/create_lmo_sample.py SOURCE data/lmo_sample
# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v2_r18_lmo-sample_with-model.py
# A small network on 30 real frames of the driller, with coordinate targets from its model.
_base_ = [
    "../_base_/models/epropnp_6dof_v2_small.py",
    "../_base_/datasets/lmo_sample.py",
    "../_base_/schedules/small_6dof.py",
    "../_base_/runtime_6dof_small.py",
]
