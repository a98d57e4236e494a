# EPro-PnP-Det v2 on one's own images: put train.json and val.json (docs/custom_data.md) and the
# images they name into data/custom, or give another folder by --data-root.
#
#   tools/dist_train.sh <this file> 2        (2 GPUs x 6 images, learning rate for 12 in all)
#   python tools/test.py <this file> work_dirs/<name>/epoch_12.pth
#
# Expected score (Mono3D/mAP_distance): depends on the data. Time and memory: not measured.
_base_ = [
    "../_base_/models/epropnp_det_v2_from-data.py",
    "../_base_/datasets/custom-mono3d.py",
    "../_base_/schedules/adamw_12e.py",
    "../_base_/default_runtime.py",
]
