# python tools/convert_checkpoint.py CDPN.checkpoint checkpoints/cdpn_stage_1.pth
# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v1_r34_lm_cdpn-init-long.py
# Version 1, CDPN start, twice the epochs (0 to 320).
# Published: LineMOD ADD(-S) 0.02d / 0.05d / 0.1d = 44.81 / 81.96 / 95.80 % (re-trained by the
# authors 45.14 / 82.21 / 96.18).
# Score here: not measured. One 24 GB GPU, batch 32. Memory and time: not measured.
_base_ = ["./epropnp-6dof-v1_r34_lm_cdpn-init.py"]
param_scheduler = [
    dict(
        type="MultiStepLR", by_epoch=True, begin=0, end=321, milestones=[101, 201, 301], gamma=0.1
    ),
]
train_cfg = dict(max_epochs=321)
