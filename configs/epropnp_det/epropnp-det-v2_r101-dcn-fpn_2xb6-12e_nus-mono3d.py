# EPro-PnP-Det v2: 2 GPUs x 6 images, 12 epochs.
#   train: tools/dist_train.sh configs/epropnp_det/epropnp-det-v2_r101-dcn-fpn_2xb6-12e_nus-mono3d.py 2
#   test:  tools/test.py configs/epropnp_det/epropnp-det-v2_r101-dcn-fpn_2xb6-12e_nus-mono3d.py CKPT
# For published weights take the config of the same name in published/.
_base_ = [
    "../_base_/models/epropnp_det_v2.py",
    "../_base_/datasets/nus-mono3d.py",
    "../_base_/schedules/adamw_12e.py",
    "../_base_/default_runtime.py",
]
