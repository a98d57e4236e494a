# nuScenes camera images: flip with probability 0.5, crop to rows 228-900, no resizing.
# Info files: python tools/create_data.py nuscenes --root-path data/nuscenes --version v1.0-trainval
# Normalising and padding belong to the model (data_preprocessor).
data_root = "data/nuscenes/"
crop = dict(type="MonoCrop", region=(0, 228, 1600, 900))

train_pipeline = [
    dict(type="LoadMonoImage"),
    dict(type="LoadMonoAnnotations"),
    dict(type="LoadMonoLidar"),
    dict(type="MonoFlip", prob=0.5),
    crop,
    dict(type="PackMonoInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFileMono3D", _scope_="epropnp_det"),
    crop,
    dict(type="PackMonoInputs"),
]
tta_pipeline = [  # tools/test.py --tta: the image and its mirror image, solved together
    dict(type="LoadMonoImage"),
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="MonoFlip", prob=0.0), dict(type="MonoFlip", prob=1.0)],
            [crop],
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
        type="NuScenesMonoDataset",
        data_root=data_root,
        ann_file="nuscenes_infos_train.pkl",
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=6,  # the cameras of one keyframe
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="NuScenesMonoDataset",
        data_root=data_root,
        ann_file="nuscenes_infos_val.pkl",
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(
    type="NuScenesMono3DMetric",
    data_root=data_root,
    ann_file=data_root + "nuscenes_infos_val.pkl",
)
test_evaluator = val_evaluator
