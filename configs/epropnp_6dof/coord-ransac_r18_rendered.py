# python tools/create_rendered_bop.py MESH data/mine --intrinsics FX FY CX CY --image-size W H
# python tools/train.py configs/epropnp_6dof/coord-ransac_r18_rendered.py --data-root data/mine
# One's own meshes, first half: coordinates from rendered scenes (docs/sixdof.md).
# Score: depends on the meshes, none measured.
# Two CPU cores, no GPU. Memory and time: not measured; four minutes with the demo's data.
_base_ = [
    "../_base_/models/epropnp_6dof_v2_small.py",
    "../_base_/datasets/rendered_bop.py",
    "../_base_/schedules/small_6dof.py",
    "../_base_/runtime_6dof_small.py",
]
model = dict(
    symmetric_targets=True,
    criterion=dict(_delete_=True, type="CoordRegressionCriterion", coord_weight=10.0),
    solver=dict(_delete_=True, type="RansacPnPSolver"),
)
find_unused_parameters = True  # the weight scale is not trained
