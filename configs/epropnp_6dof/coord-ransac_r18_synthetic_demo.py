# python tools/train.py configs/epropnp_6dof/coord-ransac_r18_synthetic_demo.py
# The demo's network without the layer: coordinate regression, mask and RANSAC PnP.
_base_ = ["./epropnp-6dof-v2_r18_synthetic_demo.py"]
model = dict(
    criterion=dict(_delete_=True, type="CoordRegressionCriterion"),
    solver=dict(_delete_=True, type="RansacPnPSolver"),
)
