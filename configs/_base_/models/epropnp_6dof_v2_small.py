# A version 2 network for small crops on the CPU, 1 M parameters instead of 27 M. It stops at
# stride 16: with few steps of training, local texture is learned sooner than what a map of the
# published stride 32 would have to remember.
_base_ = ["./epropnp_6dof_v2.py"]
model = dict(
    backbone=dict(
        depth=18,
        base_channels=32,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2,),
        init_cfg=None,
    ),
    head=dict(in_channels=128, channels=64, num_stages=2),
    criterion=dict(num_points=256, pnp=dict(mc_samples=128), loss_weights=dict(coord=10.0)),
)
