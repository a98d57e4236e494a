# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v2_lite0-256_lmo-rendered.py
# LM-O's eight objects from rendered scenes alone, crops of 256 pixels: EPro-PnP on top of the
# coordinates of coord-ransac_lite0-256_lmo-rendered_start.py.
# Score on LM-O: not measured yet (docs/lmo.md). One GPU, batch 32; time and memory: not measured.
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
