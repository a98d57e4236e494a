"""EPro-PnP-Det v2: ResNet-101-DCN, FPN, deformable correspondences, probabilistic PnP."""

embed_dims = 256
# of metainfo.classes of the data sets; a subset or another order is stated here and there
classes = (
    "car",
    "truck",
    "trailer",
    "bus",
    "construction_vehicle",
    "bicycle",
    "motorcycle",
    "pedestrian",
    "traffic_cone",
    "barrier",
)
dim_coder = dict(
    type="MultiClassLogDimCoder",
    # mean and standard deviation of (length, height, width) in metres, nuScenes train
    target_means=dict(
        car=(4.62, 1.73, 1.96),
        truck=(6.94, 2.84, 2.52),
        trailer=(12.56, 3.89, 2.94),
        bus=(11.22, 3.50, 2.95),
        construction_vehicle=(6.68, 3.21, 2.85),
        bicycle=(1.70, 1.29, 0.61),
        motorcycle=(2.11, 1.46, 0.78),
        pedestrian=(0.73, 1.77, 0.67),
        traffic_cone=(0.41, 1.08, 0.41),
        barrier=(0.50, 0.99, 2.52),
    ),
    target_stds=dict(
        car=(0.46, 0.24, 0.16),
        truck=(2.11, 0.84, 0.45),
        trailer=(4.50, 0.77, 0.54),
        bus=(2.06, 0.49, 0.33),
        construction_vehicle=(3.23, 0.93, 1.07),
        bicycle=(0.26, 0.35, 0.16),
        motorcycle=(0.33, 0.29, 0.17),
        pedestrian=(0.19, 0.19, 0.14),
        traffic_cone=(0.14, 0.27, 0.13),
        barrier=(0.17, 0.15, 0.62),
    ),
)

model = dict(
    type="EProPnPDet",
    data_preprocessor=dict(
        type="Det3DDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32,
    ),
    backbone=dict(
        type="mmdet.ResNet",
        depth=101,
        num_stages=4,
        out_indices=(1, 2, 3),
        frozen_stages=1,
        norm_cfg=dict(type="BN", requires_grad=False),
        norm_eval=True,
        style="pytorch",
        dcn=dict(type="DCNv2", deform_groups=1, fallback_on_stride=False),
        stage_with_dcn=(False, False, True, True),
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet101"),
    ),
    neck=dict(
        type="mmdet.FPN",
        in_channels=[512, 1024, 2048],
        out_channels=embed_dims,
        start_level=0,
        num_outs=5,
        add_extra_convs="on_output",
        relu_before_extra_convs=True,
    ),
    bbox_head=dict(
        type="DeformPnPHead",
        # stated once: every stage gets those of these settings that it has an argument for
        classes=classes,
        dim_coder=dim_coder,
        embed_dims=embed_dims,
        num_heads=8,
        num_points=16,
        strides=(8, 16, 32, 64, 128),
        detector=dict(type="FCOSEmbHead"),
        dense_features=dict(type="DenseFeatures", conv_channels=(256, 128, 128), num_levels=3),
        object_query=dict(type="ObjectQuery"),
        attention_sampler=dict(
            type="DeformableAttentionSampler",
            ffn_channels=1024,
            image_points=dict(type="AnalyticImagePoints", border_ramp="centered"),
        ),
        object_branches=dict(type="ObjectBranches", num_attrs=9),
        correspondence_head=dict(type="CorrespondenceHead", ffn_channels=256),
        pose_solver=dict(
            type="PoseSolver",
            camera=dict(type="PerspectiveCamera", z_min=0.1, allowed_border=200),
            # points outside the image have no weight; as published they count all the same
            cost_fun=dict(
                type="AdaptiveHuberPnPCost",
                relative_delta=0.5,
                delta_gradient="all",  # image points are bound to their regions here
                every_point=True,
            ),
            pnp=dict(
                type="EProPnP4DoF",
                mc_samples=128,
                num_iter=4,
                normalize=True,
                solver=dict(
                    type="LMSolver",
                    dof=4,
                    num_iter=10,
                    normalize=True,
                    init_solver=dict(
                        type="RSLMSolver", dof=4, num_points=16, num_proposals=64, num_iter=3
                    ),
                ),
            ),
            test_pnp=dict(mc_samples=512, solver=dict(num_iter=5)),
        ),
        criterion=dict(
            type="DetectionCriterion",
            center_target=dict(type="VolumeCenter", output_stride=8, render_stride=4),
            assigner=dict(
                type="CenterAssigner",
                regress_ranges=((-1, 48), (48, 96), (96, 192), (192, 384), (384, 1e8)),
                center_radius=1.5,
                centerness_alpha=2.5,
            ),
            object_sampler=dict(type="CenternessSampler", num_per_img=48),
            proposal_loss=dict(
                type="ProposalLoss",
                loss_cls=dict(
                    type="mmdet.FocalLoss", use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0
                ),
                loss_centerness=dict(
                    type="mmdet.CrossEntropyLoss", use_sigmoid=True, loss_weight=1.0
                ),
                loss_rp=dict(type="mmdet.SmoothL1Loss", beta=1.0, loss_weight=1.0),
                loss_bbox=dict(type="mmdet.GIoULoss", eps=1e-7, loss_weight=0.5),
            ),
            object_loss=dict(
                type="ObjectLoss",
                loss_pose=dict(type="MonteCarloPoseLoss", loss_weight=0.5, momentum=0.01),
                loss_dim=dict(type="mmdet.SmoothL1Loss", beta=1.0, loss_weight=1.0),
                loss_score=dict(type="mmdet.CrossEntropyLoss", use_sigmoid=True, loss_weight=1.0),
                loss_reg_pos=dict(type="VectorSmoothL1Loss", beta=1.0, loss_weight=0.05),
                loss_reg_orient=dict(type="CosineAngleLoss", loss_weight=0.05),
                loss_velo=dict(type="mmdet.SmoothL1Loss", beta=1.0, loss_weight=0.05),
                loss_attr=dict(type="mmdet.CrossEntropyLoss", loss_weight=0.5),
            ),
            auxiliary=dict(
                type="AuxiliaryLosses",
                roi_size=14,
                loss_proj=dict(type="MVDGaussianMixtureNLLLoss", delta=2.0, loss_weight=0.5),
                loss_regr=dict(
                    type="MVDGaussianMixtureNLLLoss", delta=2.0, init_sigma=0.2, loss_weight=2.5
                ),
                depth=dict(
                    type="LidarDepthHead",
                    num_modes=4,
                    loss=dict(
                        type="MVDGaussianMixtureNLLLoss", delta=0.3, init_sigma=0.3, loss_weight=1.5
                    ),
                ),
            ),
        ),
    ),
    test_cfg=dict(max_obj_per_img=256, min_fcos_score=0.04),
)
