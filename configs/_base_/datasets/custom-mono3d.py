# One's own images in the plain file of docs/custom_data.md; classes, attributes and sizes of the
# objects come from the training file.
data_root = "data/custom/"
resize = dict(type="MonoResize", scale=(1600, 900))  # the largest size within, ratio kept

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
tta_pipeline = [  # tools/test.py --tta: the image and its mirror image, solved together
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
tta_model = dict(type="EProPnPDetTTAModel")

train_dataloader = dict(
    batch_size=6,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="ResumableSampler", shuffle=True),
    dataset=dict(
        type="CustomMonoDataset",
        data_root=data_root,
        ann_file="train.json",
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=6,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="CustomMonoDataset",
        data_root=data_root,
        ann_file="val.json",
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type="Mono3DMetric", data_root=data_root, ann_file=data_root + "val.json")
test_evaluator = val_evaluator
