# LineMOD in BOP layout: 13 objects (bowl and cup left out), about 15 % of the real images for
# training (tools/create_lm_split.py writes lm_train.json and lm_test.json), synthetic images mixed
# in, backgrounds replaced.
data_root = "data/bop/lm"
backgrounds = "data/backgrounds"
objects = (1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15)

real_pipeline = [
    dict(type="LoadBOPImage"),
    dict(type="LoadObjectCoordinates", cache_dir="coordinates"),
    dict(type="ReplaceBackground", folder=backgrounds, prob=0.5),
    dict(type="CropObject", train=True),
    dict(type="PackPoseInputs"),
]
synthetic_pipeline = [
    dict(type="LoadBOPImage"),
    dict(type="LoadObjectCoordinates", cache_dir="coordinates"),
    dict(type="ReplaceBackground", folder=backgrounds, prob=1.0),
    dict(type="CropObject", train=True),
    dict(type="PackPoseInputs"),
]
test_pipeline = [
    dict(type="LoadBOPImage"),
    dict(type="CropObject"),
    dict(type="PackPoseInputs"),
]

real_train = dict(
    type="BOPDataset",
    data_root=data_root,
    split="test",  # BOP keeps all real LineMOD images there
    selection=dict(obj_ids=objects, image_file="lm_train.json"),
    pipeline=real_pipeline,
)
synthetic_train = dict(
    type="BOPDataset",
    data_root=data_root,
    split="train_pbr",
    selection=dict(obj_ids=objects, min_visib=0.3, max_per_object=1000),
    pipeline=synthetic_pipeline,
)
train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type="ResumableSampler", shuffle=True),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(type="SeededConcatDataset", datasets=[real_train, synthetic_train]),
)

test_selection = dict(obj_ids=objects, image_file="lm_test.json")
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="BOPDataset",
        data_root=data_root,
        split="test",
        selection=test_selection,
        pipeline=test_pipeline,
        test_mode=True,
        detections=None,  # a BOP detection file below data_root replaces the annotated boxes
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type="BOPPoseMetric",
    data_root=data_root,
    split="test",
    selection=test_selection,
)
test_evaluator = val_evaluator
