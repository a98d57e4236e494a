# Three procedural objects from tools/create_synthetic_bop.py, small crops for CPU training.
data_root = "data/synthetic_bop"
input_size, output_size = 96, 24

train_pipeline = [
    dict(type="LoadBOPImage"),
    dict(type="LoadObjectCoordinates", cache_dir="coordinates"),
    dict(
        type="CropObject",
        input_size=input_size,
        output_size=output_size,
        jitter=dict(scale=0.15, shift=0.1),  # the boxes of the test are annotated ones
        train=True,
    ),
    dict(type="PackPoseInputs"),
]
test_pipeline = [
    dict(type="LoadBOPImage"),
    dict(type="CropObject", input_size=input_size, output_size=output_size),
    dict(type="PackPoseInputs"),
]
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="BOPDataset",
        data_root=data_root,
        split="train",
        selection=dict(min_visib=0.3),
        pipeline=train_pipeline,
    ),
)
test_selection = dict(min_visib=0.1)
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="BOPDataset",
        data_root=data_root,
        split="test",
        selection=test_selection,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type="BOPPoseMetric", data_root=data_root, split="test", selection=test_selection
)
test_evaluator = val_evaluator
