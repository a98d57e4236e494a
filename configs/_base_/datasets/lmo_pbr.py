# LM-O at the published size: BOP's train_pbr (unpacked into data/lmo) and our own renders, which
# tools/create_rendered_bop.py writes; tested on the 200 images of the challenge.
lmo_root = "data/lmo"  # tools/prepare_lmo.py
rendered_root = "data/lmo_rendered"
objects = (1, 5, 6, 8, 9, 10, 11, 12)

train_pipeline = [
    dict(type="LoadBOPImage"),
    dict(type="LoadObjectCoordinates", cache_dir="coordinates"),
    dict(type="CropObject", train=True),
    dict(type="ColorJitter"),
    dict(type="PackPoseInputs"),
]
test_pipeline = [
    dict(type="LoadBOPImage"),
    dict(type="CropObject"),
    dict(type="PackPoseInputs"),
]
train_selection = dict(obj_ids=objects, min_visib=0.2)
pbr_train = dict(
    type="BOPDataset",
    data_root=lmo_root,
    split="train_pbr",
    selection=train_selection,
    pipeline=train_pipeline,
)
rendered_train = dict(
    type="BOPDataset",
    data_root=rendered_root,
    split="train_rendered",
    selection=train_selection,
    pipeline=train_pipeline,
)
train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type="ResumableSampler", shuffle=True, infinite=True),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(type="SeededConcatDataset", datasets=[pbr_train, rendered_train]),
)
val_selection = dict(obj_ids=objects, min_visib=0.1)
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="BOPDataset",
        data_root=rendered_root,
        split="val_rendered",
        selection=val_selection,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
val_evaluator = dict(
    type="BOPPoseMetric", data_root=rendered_root, split="val_rendered", selection=val_selection
)
test_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="BOPDataset",
        data_root=lmo_root,
        split="test",
        selection=dict(obj_ids=objects),
        pipeline=test_pipeline,
        test_mode=True,
        detections=None,  # a BOP detection file below lmo_root replaces the annotated boxes
        targets="test_targets_bop19.json",
    ),
)
test_evaluator = dict(
    type="BOPPoseMetric",
    data_root=lmo_root,
    split="test",
    selection=dict(obj_ids=objects),
    targets="test_targets_bop19.json",
)
