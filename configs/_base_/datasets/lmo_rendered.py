# Train on rendered scenes of LM-O's models, choose on rendered scenes, test on the 200 real images.
_base_ = ["./rendered_bop.py"]
lmo_root = "data/lmo"  # tools/prepare_lmo.py
test_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="BOPDataset",
        data_root=lmo_root,
        split="test",
        selection={},
        pipeline={{_base_.test_pipeline}},
        test_mode=True,
        detections=None,  # a BOP detection file below lmo_root replaces the annotated boxes
        targets="test_targets_bop19.json",
    ),
)
test_evaluator = dict(
    type="BOPPoseMetric",
    data_root=lmo_root,
    split="test",
    selection={},
    targets="test_targets_bop19.json",
)
