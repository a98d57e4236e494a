# python tools/train.py configs/epropnp_6dof/coord-ransac_r34_lmo-pbr.py
# Twin of epropnp-6dof-v2_r34_lmo-pbr.py without the layer, from the same start with the same number
# of steps. Score on LM-O: not measured, never run.
# One 24 GB GPU, batch 32. Memory and time: not measured.
_base_ = ["./coord-ransac_r34_lmo-pbr_start.py"]
start = "work_dirs/coord-ransac_r34_lmo-pbr_start/iter_100000.pth"
model = dict(backbone=dict(init_cfg=None), init_cfg=dict(type="Pretrained", checkpoint=start))
optim_wrapper = dict(optimizer=dict(lr=1e-4))
