# EPro-PnP-Det v2 on a small scale in KITTI's layout, for a CPU. Tried on rendered streets.
#
#   python tools/create_synthetic_street.py data/kitti_synth --layout kitti
#   python tools/create_data.py kitti --root-path data/kitti_synth
#   python tools/train.py <this file>
#   python tools/test.py <this file> work_dirs/epropnp-det-v2_r18-fpn_demo_kitti/iter_1150.pth
#
# Expected score (Kitti/Car_3D_AP40_moderate_loose): not measured. Time and memory on a CPU: not
# measured.
_base_ = "./epropnp-det-v2_r18-fpn_demo_custom.py"

data_root = "data/kitti_synth/"
train_dataloader = dict(dataset=dict(data_root=data_root, ann_file="kitti_train.json"))
test_dataloader = dict(dataset=dict(data_root=data_root, ann_file="kitti_val.json"))
test_evaluator = [
    dict(type="KittiMonoMetric", data_root=data_root),
    dict(type="Mono3DMetric", data_root=data_root, ann_file=data_root + "kitti_val.json"),
]
