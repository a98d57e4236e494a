# 30 training and 10 test frames of one LM-O object, from tools/create_lmo_sample.py. One sequence:
# a score here shows that the network fits real images, it is no LM-O score.
data_root = "data/lmo_sample"
objects = (8,)  # driller
input_size, output_size = 128, 32

train_pipeline = [
    dict(type="LoadBOPImage"),
    dict(type="LoadObjectCoordinates", cache_dir="coordinates"),
    dict(type="RotateCamera", max_degrees=30),
    dict(
        type="CropObject",
        input_size=input_size,
        output_size=output_size,
        jitter=dict(scale=0.15, shift=0.1),  # the boxes of the test are annotated ones
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
        split="test",
        models_dir="models_eval",
        selection=dict(obj_ids=objects, image_file="train_frames.json"),
        pipeline=train_pipeline,
    ),
)
test_selection = dict(obj_ids=objects, image_file="test_frames.json", min_visib=0.6)
val_dataloader = dict(
    batch_size=10,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="BOPDataset",
        data_root=data_root,
        split="test",
        models_dir="models_eval",
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
