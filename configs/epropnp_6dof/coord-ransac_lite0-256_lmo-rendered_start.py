# python tools/train.py configs/epropnp_6dof/coord-ransac_lite0-256_lmo-rendered_start.py
# coord-ransac_lite0_lmo-rendered_start.py with crops of 256 pixels, for one GPU; data as there.
# Score on LM-O: not measured for itself (docs/lmo.md). One H100 GPU, 0.11 s a
# step, 1.6 GB.
_base_ = [
    "../_base_/models/epropnp_6dof_v2_lite0_lmo.py",
    "../_base_/datasets/lmo_rendered_256.py",
    "../_base_/schedules/gpu_6dof_start.py",
    "../_base_/runtime_6dof_small.py",
]
model = dict(
    symmetric_targets=True,
    criterion=dict(_delete_=True, type="CoordRegressionCriterion", coord_weight=10.0),
    solver=dict(_delete_=True, type="RansacPnPSolver"),
)
find_unused_parameters = True  # the weight scale is not trained
