# EPro-PnP-Det v2 on a small scale and one's own images, for a CPU: narrow ResNet-18 from scratch,
# images of 480 x 270 at most. Tried on rendered streets, two cameras of which one is tilted.
#
#   python tools/create_synthetic_street.py data/custom_synth --layout custom
#   python tools/train.py <this file>
#   python tools/test.py <this file> work_dirs/epropnp-det-v2_r18-fpn_demo_custom/iter_1150.pth
#
# Expected score (Mono3D/mAP_distance): not measured. Time and memory on a CPU: not measured.
_base_ = "./epropnp-det-v2_r18-fpn_demo_synthetic.py"

data_root = "data/custom_synth/"
resize = dict(type="MonoResize", scale=(480, 270))

model_from_data = True
model = dict(
    bbox_head=dict(
        classes=None,
        dim_coder=dict(_delete_=True, type="MultiClassLogDimCoder"),
        criterion=dict(auxiliary=dict(loss_regr=None, depth=None)),
    ),
    test_cfg=dict(with_pose_cov=True),
)

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
    dataset=dict(
        _delete_=True,
        type="CustomMonoDataset",
        data_root=data_root,
        ann_file="train.json",
        pipeline=train_pipeline,
        annotation_filter=dict(min_size=3),
    ),
)
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="CustomMonoDataset",
        data_root=data_root,
        ann_file="val.json",
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_evaluator = dict(
    _delete_=True, type="Mono3DMetric", data_root=data_root, ann_file=data_root + "val.json"
)
