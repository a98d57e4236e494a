# python tools/convert_checkpoint.py CDPN.checkpoint checkpoints/cdpn_stage_1.pth
# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v1_r34_lm_cdpn-init.py
# Version 1 with derivative regularisation, started from a CDPN stage-1 checkpoint.
# Published: LineMOD ADD(-S) 0.02d / 0.05d / 0.1d = 42.92 / 80.98 / 95.76 % (re-trained by the
# authors 42.67 / 81.07 / 95.70).
# Score here: not measured. One 24 GB GPU, batch 32. Memory and time: not measured.
_base_ = ["./epropnp-6dof-v1_r34_lm_deriv-reg.py"]
# the new output layer starts afresh
load_from = "checkpoints/cdpn_stage_1.pth"
model = dict(backbone=dict(init_cfg=None))
