# A version 2 network for 128 pixel crops on the CPU. It stops at stride 16: with few steps of
# training, local texture is learned sooner than what a 4 x 4 map would have to remember.
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
