# EPro-PnP-Det v2 for images of 448 x 252 on a CPU: narrow ResNet-18 from scratch, head 64 wide.
_base_ = ["./epropnp_det_v2.py"]

base_channels = 32  # half a ResNet-18: the backbone is most of the time of a step
width = 64
strides = (8, 16, 32)

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
