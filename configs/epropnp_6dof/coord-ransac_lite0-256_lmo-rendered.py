# python tools/train.py configs/epropnp_6dof/coord-ransac_lite0-256_lmo-rendered.py
# Twin of epropnp-6dof-v2_lite0-256_lmo-rendered.py without the layer: the same start, the same
# number of steps, coordinates and mask alone, solved by RANSAC PnP.
# Score measured on LM-O's 200 real images with true boxes after 1,700 steps, from a start of 4,000:
# ADD(-S) 0.1 d 15.3, AR MSSD 25.5, AR MSPD 59.2
# (docs/lmo.md). One H100 GPU: 0.11 s a step with both twins at a time, 1.6 GB.
_base_ = [
    "../_base_/models/epropnp_6dof_v2_lite0_lmo.py",
    "../_base_/datasets/lmo_rendered_256.py",
    "../_base_/schedules/gpu_6dof_second.py",
    "../_base_/runtime_6dof_small.py",
]
start = "work_dirs/coord-ransac_lite0-256_lmo-rendered_start/iter_6000.pth"
model = dict(
    symmetric_targets=True,
    criterion=dict(_delete_=True, type="CoordRegressionCriterion", coord_weight=10.0),
    solver=dict(_delete_=True, type="RansacPnPSolver"),
    init_cfg=dict(type="Pretrained", checkpoint=start),
)
find_unused_parameters = True  # the weight scale is not trained
