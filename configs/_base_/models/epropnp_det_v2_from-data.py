# EPro-PnP-Det v2 for data that bring their own classes, attributes and sizes, and no lidar: what is
# left out here is filled in from the training data, or from the checkpoint where there is one.
_base_ = "./epropnp_det_v2.py"

model_from_data = True
model = dict(
    bbox_head=dict(
        classes=None,
        dim_coder=dict(_delete_=True, type="MultiClassLogDimCoder"),
        criterion=dict(auxiliary=dict(loss_regr=None, depth=None)),
    ),
    test_cfg=dict(with_pose_cov=True),  # for the calibration that Mono3DMetric reports
)
