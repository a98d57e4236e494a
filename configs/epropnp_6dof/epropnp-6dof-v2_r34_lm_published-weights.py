# python tools/convert_checkpoint.py PUBLISHED.pth CHECKPOINT
# python tools/test.py configs/epropnp_6dof/epropnp-6dof-v2_r34_lm_published-weights.py CHECKPOINT
# Evaluation as published, for converted published checkpoints of version 2: integer crop windows,
# three undamped Gauss-Newton steps after EPnP.
# Published: LineMOD ADD(-S) 0.1d 96.36 % with the CDPN start, 93.83 % without the model.
# Score here: not measured. One GPU; memory and time: not measured.
_base_ = ["./epropnp-6dof-v2_r34_lm_coord-cdpn-init.py"]
load_from = None
model = dict(
    solver=dict(
        fast_mode=True,
        cost_fun=dict(every_point=True),
        pnp=dict(
            solver=dict(num_iter=3, published_fast_mode=True),
            proposals=dict(type="QuaternionProposals", rule=dict(type="PublishedFit")),
        ),
    )
)
test_pipeline = [
    dict(type="LoadBOPImage"),
    dict(type="CropObject", geometry="published"),
    dict(type="PackPoseInputs"),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
