# python tools/train.py configs/epropnp_6dof/coord-ransac_r34_lm.py
# The same network without the layer: coordinate regression and a mask, solved by OpenCV's RANSAC
# PnP, as CDPN does.
# Score on LineMOD: not measured. Published for CDPN without its translation head: ADD(-S) 0.1d
# 74.54 %.
# One 24 GB GPU, batch 32. Memory and time: not measured.
_base_ = [
    "../_base_/models/epropnp_6dof_v2.py",
    "../_base_/datasets/lm_bop.py",
    "../_base_/schedules/rmsprop_161e.py",
    "../_base_/runtime_6dof.py",
]
model = dict(
    criterion=dict(_delete_=True, type="CoordRegressionCriterion"),
    solver=dict(_delete_=True, type="RansacPnPSolver"),
)
find_unused_parameters = True  # the weight scale is not trained
