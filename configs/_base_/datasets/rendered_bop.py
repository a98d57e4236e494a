# Scenes from tools/create_rendered_bop.py, of LM-O or of one's own meshes; small crops for CPU
# training. Settings are chosen on val_rendered.
data_root = "data/lmo_rendered"
input_size, output_size = 96, 24

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
        split="train_rendered",
        selection=dict(min_visib=0.2),
        pipeline=train_pipeline,
    ),
)
val_selection = dict(min_visib=0.1)
val_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="BOPDataset",
        data_root=data_root,
        split="val_rendered",
        selection=val_selection,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
val_evaluator = dict(
    type="BOPPoseMetric", data_root=data_root, split="val_rendered", selection=val_selection
)
test_dataloader = val_dataloader
test_evaluator = val_evaluator
