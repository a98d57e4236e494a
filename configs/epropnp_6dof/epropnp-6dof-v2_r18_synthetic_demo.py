# make demo-6dof, or with the data of tools/create_synthetic_bop.py:
# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v2_r18_synthetic_demo.py
# A small version 2 network on the generated objects, ten minutes on two CPU cores.
_base_ = [
    "../_base_/models/epropnp_6dof_v2_small.py",
    "../_base_/datasets/synthetic_bop.py",
    "../_base_/schedules/small_6dof.py",
    "../_base_/runtime_6dof_small.py",
]
