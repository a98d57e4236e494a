# synthetic-mono3d.py for heads that know one camera only, see nus-mono3d_network-camera.py.
_base_ = ["./synthetic-mono3d.py"]

pack = dict(type="PackNetworkCameraInputs")
train_pipeline = [
    dict(type="LoadMonoImage"),
    dict(type="LoadMonoAnnotations"),
    dict(type="MonoFlip", prob=0.5),
    _base_.crop,
    pack,
]
test_pipeline = [
    dict(type="LoadImageFromFileMono3D", _scope_="epropnp_det"),
    _base_.crop,
    pack,
]
tta_pipeline = None
tta_model = None
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
