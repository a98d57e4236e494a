# python tools/train.py configs/epropnp_6dof/coord-ransac_lite0_lmo-rendered.py
# Twin of epropnp-6dof-v2_lite0_lmo-rendered.py without the layer: the same start, the same number
# of steps, coordinates and mask alone, solved by RANSAC PnP.
# Score measured by make lmo on the 200 real images with true boxes: ADD(-S) 0.1 d 6.5, AR MSSD
# 13.2, AR MSPD 45.2. Two CPU cores, no GPU; 17 minutes beside other work. Memory: not measured.
_base_ = [
    "../_base_/models/epropnp_6dof_v2_lite0_lmo.py",
    "../_base_/datasets/lmo_rendered.py",
    "../_base_/schedules/small_6dof_second.py",
    "../_base_/runtime_6dof_small.py",
]
start = "work_dirs/coord-ransac_lite0_lmo-rendered_start/iter_4000.pth"
model = dict(
    symmetric_targets=True,
    criterion=dict(_delete_=True, type="CoordRegressionCriterion", coord_weight=10.0),
    solver=dict(_delete_=True, type="RansacPnPSolver"),
    init_cfg=dict(type="Pretrained", checkpoint=start),
)
find_unused_parameters = True  # the weight scale is not trained
