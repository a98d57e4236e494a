# A version 2 network for 128 pixel crops on the CPU: 3.2 M parameters instead of 27 M.
_base_ = ["./epropnp_6dof_v2.py"]
model = dict(
    backbone=dict(depth=18, base_channels=32, init_cfg=None),
    head=dict(in_channels=256, channels=64),
    criterion=dict(num_points=256, pnp=dict(mc_samples=128), loss_weights=dict(coord=10.0)),
)
