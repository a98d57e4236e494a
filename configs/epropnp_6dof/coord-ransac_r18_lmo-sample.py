# python tools/create_lmo_sample.py SOURCE data/lmo_sample
# python tools/train.py configs/epropnp_6dof/coord-ransac_r18_lmo-sample.py
# Coordinate regression on 30 real frames of the driller: the start of the with-model config.
# Score measured: ADD 0.1d 42.9 on 7 frames (docs/sixdof.md).
# Two CPU cores, no GPU; about ten minutes on one of them. Memory: not measured.
_base_ = [
    "../_base_/models/epropnp_6dof_v2_small.py",
    "../_base_/datasets/lmo_sample.py",
    "../_base_/schedules/small_6dof.py",
    "../_base_/runtime_6dof_small.py",
]
model = dict(
    criterion=dict(_delete_=True, type="CoordRegressionCriterion", coord_weight=10.0),
    solver=dict(_delete_=True, type="RansacPnPSolver"),
)
find_unused_parameters = True  # the weight scale is not trained
