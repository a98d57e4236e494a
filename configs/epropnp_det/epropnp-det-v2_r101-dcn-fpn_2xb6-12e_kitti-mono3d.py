# EPro-PnP-Det v2 on KITTI's object benchmark: three classes, one camera, official scores.
#
#   python tools/create_data.py kitti --root-path data/kitti
#   tools/dist_train.sh <this file> 2        (2 GPUs x 6 images, learning rate for 12 in all)
#   python tools/test.py <this file> work_dirs/<name>/epoch_60.pth
#
# Expected score (Kitti/Car_3D_AP40_moderate_strict): not measured; the published system was not
# tried on KITTI. Time and memory: not measured.
_base_ = "./epropnp-det-v2_r101-dcn-fpn_2xb6-12e_custom-mono3d.py"

data_root = "data/kitti/"
resize = dict(type="MonoResize", scale=(1242, 375))
max_epochs = 60  # 3712 images are few

train_pipeline = [
    dict(type="LoadMonoImage"),
    dict(type="LoadMonoAnnotations"),
    dict(type="MonoFlip", prob=0.5),
    resize,
    dict(type="PackMonoInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFileMono3D", _scope_="epropnp_det"),
    resize,
    dict(type="PackMonoInputs"),
]
tta_pipeline = [
    dict(type="LoadMonoImage"),
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="MonoFlip", prob=0.0), dict(type="MonoFlip", prob=1.0)],
            [resize],
            [dict(type="PackMonoInputs")],
        ],
    ),
]
train_dataloader = dict(
    dataset=dict(data_root=data_root, ann_file="kitti_train.json", pipeline=train_pipeline)
)
val_dataloader = dict(
    dataset=dict(data_root=data_root, ann_file="kitti_val.json", pipeline=test_pipeline)
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(type="KittiMonoMetric", data_root=data_root),
    dict(type="Mono3DMetric", data_root=data_root, ann_file=data_root + "kitti_val.json"),
]
test_evaluator = val_evaluator

param_scheduler = [
    dict(
        type="MultiStepLR", by_epoch=True, begin=0, end=max_epochs, milestones=[45, 55], gamma=0.1
    ),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=5)
