# LM-O as in lmo_rendered.py with crops of 256 pixels and maps of 64, for a GPU.
_base_ = ["./lmo_rendered.py"]
input_size, output_size = 256, 64

train_pipeline = [
    dict(type="LoadBOPImage"),
    dict(type="LoadObjectCoordinates", cache_dir="coordinates"),
    dict(
        type="CropObject",
        input_size=input_size,
        output_size=output_size,
        jitter=dict(scale=0.2, shift=0.1),
        train=True,
    ),
    dict(type="ColorJitter"),
    dict(type="PackPoseInputs"),
]
test_pipeline = [
    dict(type="LoadBOPImage"),
    dict(type="CropObject", input_size=input_size, output_size=output_size),
    dict(type="PackPoseInputs"),
]
train_dataloader = dict(batch_size=32, num_workers=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
