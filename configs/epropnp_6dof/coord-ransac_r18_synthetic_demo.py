# python tools/create_synthetic_bop.py data/synthetic_bop
# python tools/train.py configs/epropnp_6dof/coord-ransac_r18_synthetic_demo.py
# First half of make demo-6dof: a small network without the layer. Coordinate regression and a mask
# from scratch, solved by RANSAC PnP.
# Score measured: ADD 0.1d 45.8, 5 deg 5 cm 32.5 (docs/sixdof.md).
# Two CPU cores, no GPU; four minutes. Memory: not measured.
_base_ = [
    "../_base_/models/epropnp_6dof_v2_small.py",
    "../_base_/datasets/synthetic_bop.py",
    "../_base_/schedules/small_6dof.py",
    "../_base_/runtime_6dof_small.py",
]
model = dict(
    criterion=dict(_delete_=True, type="CoordRegressionCriterion", coord_weight=10.0),
    solver=dict(_delete_=True, type="RansacPnPSolver"),
)
find_unused_parameters = True  # the weight scale is not trained
