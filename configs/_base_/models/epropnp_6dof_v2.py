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
        # entries that replace those of PNP in epropnp_6dof/models/pnp.py, at any depth
        pnp=dict(mc_samples=512, num_iter=4, solver=dict(num_iter=5)),
        loss_weights=dict(coord=1.0, mc=0.2, translation=1.0, rotation=1.0),
    ),
    solver=dict(type="EPnPRefineSolver", weighting="softmax", pnp=dict(solver=dict(num_iter=5))),
)
