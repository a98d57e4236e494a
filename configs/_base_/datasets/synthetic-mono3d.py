# Small synthetic camera images: flip with probability 0.5, crop to the lower three quarters.
# Data: python tools/create_synthetic_nuscenes.py; info files: python tools/create_data.py nuscenes.
_base_ = ["./nus-mono3d.py"]

data_root = "data/synthetic/"
crop = dict(type="MonoCrop", region=(0, 228 / 900, 1, 1), unit="fraction")

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
tta_pipeline = [
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
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    sampler=dict(type="InfiniteSampler"),
    dataset=dict(data_root=data_root, pipeline=train_pipeline, annotation_filter=dict(min_size=3)),
)
test_dataloader = dict(num_workers=1, dataset=dict(data_root=data_root, pipeline=test_pipeline))
test_evaluator = dict(data_root=data_root, ann_file=data_root + "nuscenes_infos_val.pkl")
val_dataloader = None
val_evaluator = None
