# EPro-PnP-Det v2 on a small scale: narrow ResNet-18 from scratch, head 64 wide, images 448 x 252.
# For a CPU and the synthetic data set; `make demo` runs it.
#
#   tools/dist_train.sh configs/epropnp_det/epropnp-det-v2_r18-fpn_demo_synthetic.py 2
#
# Measured by `make demo` on the synthetic mini_val, with tools/test.py --tta: NDS 0.373, mAP 0.251.
# Training takes 8:22 on 2 CPU cores (0.43 s per step). Scatter: before inference was seeded,
# trainings of 1080 to 1250 iterations gave mAP 0.217 to 0.240, this one NDS 0.362, mAP 0.225.
_base_ = ["./epropnp-det-v2_r101-dcn-fpn_2xb6-12e_nus-mono3d.py"]

base_channels = 32  # half a ResNet-18: the backbone is most of the time of a step
width = 64
strides = (8, 16, 32)
max_iters = 1150
data_root = "data/synthetic/"
crop = dict(type="MonoCrop", region=(0, 228 / 900, 1, 1), unit="fraction")

model = dict(
    backbone=dict(
        _delete_=True,
        type="mmdet.ResNet",
        depth=18,
        base_channels=base_channels,
        num_stages=4,
        out_indices=(1, 2, 3),
        frozen_stages=-1,
        norm_cfg=dict(type="BN", requires_grad=True),
        norm_eval=False,
        style="pytorch",
    ),
    neck=dict(
        in_channels=[2 * base_channels, 4 * base_channels, 8 * base_channels],
        out_channels=width,
        num_outs=len(strides),
    ),
    bbox_head=dict(
        embed_dims=width,
        num_heads=4,
        strides=strides,
        detector=dict(stacked_convs=1, dcn_on_last_conv=False),
        dense_features=dict(conv_channels=(width, 32, 32)),
        # training ends long before it overfits: no dropout
        attention_sampler=dict(ffn_channels=4 * width, dropout=0.0),
        correspondence_head=dict(ffn_channels=width, dropout=0.0),
        pose_solver=dict(
            camera=dict(allowed_border=56),
            pnp=dict(mc_samples=64, solver=dict(num_iter=5, init_solver=dict(num_proposals=16))),
            test_pnp=dict(mc_samples=128),
        ),
        criterion=dict(
            assigner=dict(regress_ranges=((-1, 32), (32, 64), (64, 1e8))),
            object_sampler=dict(num_per_img=16),
            center_target=dict(render_stride=2, min_box_size=2.0),
            # in a short training, finding the objects is what takes longest
            proposal_loss=dict(loss_cls=dict(loss_weight=3.0)),
            auxiliary=dict(
                roi_size=7,
                loss_regr=dict(loss_weight=1.0),
                depth=dict(base_focal=353.0, loss=dict(loss_weight=0.5)),
            ),
        ),
    ),
    # after a short training duplicates differ in depth: their 2D boxes tell them better
    test_cfg=dict(max_obj_per_img=64, min_box_size=2.0, nms_iou_2d=0.3),
)

train_pipeline = [
    dict(type="LoadMonoImage"),
    dict(type="LoadMonoAnnotations"),
    dict(type="LoadMonoLidar"),
    dict(type="MonoFlip", prob=0.5),
    crop,
    dict(type="PackMonoInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFileMono3D", _scope_="epropnp_det"),
    crop,
    dict(type="PackMonoInputs"),
]
tta_pipeline = [
    dict(type="LoadMonoImage"),
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="MonoFlip", prob=0.0), dict(type="MonoFlip", prob=1.0)],
            [crop],
            [dict(type="PackMonoInputs")],
        ],
    ),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    sampler=dict(type="InfiniteSampler"),
    dataset=dict(data_root=data_root, pipeline=train_pipeline, annotation_filter=dict(min_size=3)),
)
test_dataloader = dict(num_workers=1, dataset=dict(data_root=data_root, pipeline=test_pipeline))
test_evaluator = dict(data_root=data_root, ann_file=data_root + "nuscenes_infos_val.pkl")
val_dataloader = None  # scored once, by tools/test.py
val_evaluator = None
val_cfg = None

optim_wrapper = dict(optimizer=dict(lr=3e-3, fused=True), clip_grad=dict(max_norm=10.0))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.05, by_epoch=False, begin=0, end=100),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=100, end=max_iters, eta_min_ratio=0.01),
]
train_cfg = dict(_delete_=True, type="IterBasedTrainLoop", max_iters=max_iters)
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(by_epoch=False, interval=100, max_keep_ckpts=2),
)
runner_type = "ChannelsLastRunner"
randomness = dict(seed=0)
log_processor = dict(by_epoch=False, window_size=20)
