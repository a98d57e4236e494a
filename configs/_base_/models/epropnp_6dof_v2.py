# The 6DoF network of version 2: ResNet-34, dense head, Monte Carlo pose loss (paper section 5.1).
model = dict(
    type="DensePoseEstimator",
    backbone=dict(
        type="mmdet.ResNet",
        depth=34,
        out_indices=(3,),
        norm_eval=False,
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet34"),
    ),
    head=dict(type="DenseCorrespondenceHead"),
    criterion=dict(
        type="MonteCarloCriterion",
        num_points=512,
        weighting="softmax",
        pnp=dict(mc_samples=512, mc_iterations=4, lm_iterations=5, num_proposals=4),
        loss_weights=dict(coord=1.0, mc=0.2, translation=1.0, rotation=1.0),
    ),
    solver=dict(type="EPnPRefineSolver", weighting="softmax", pnp=dict(lm_iterations=5)),
)
