# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v2_lite0-256_lmo-rendered.py
# LM-O's eight objects from rendered scenes alone, crops of 256 pixels: EPro-PnP on top of the
# coordinates of coord-ransac_lite0-256_lmo-rendered_start.py.
# Score measured on LM-O's 200 real images with true boxes after 1,700 steps, from a start of 4,000:
# ADD(-S) 0.1 d 20.3, AR MSSD 33.2, AR MSPD 65.8
# (docs/lmo.md). One H100 GPU: 0.13 s a step with both twins at a time, 1.6 GB.
_base_ = [
    "../_base_/models/epropnp_6dof_v2_lite0_lmo.py",
    "../_base_/datasets/lmo_rendered_256.py",
    "../_base_/schedules/gpu_6dof_second.py",
    "../_base_/runtime_6dof_small.py",
]
start = "work_dirs/coord-ransac_lite0-256_lmo-rendered_start/iter_6000.pth"
model = dict(
    symmetric_targets=True,
    init_cfg=dict(type="Pretrained", checkpoint=start),
    criterion=dict(num_points=512, pnp=dict(mc_samples=256)),
)
