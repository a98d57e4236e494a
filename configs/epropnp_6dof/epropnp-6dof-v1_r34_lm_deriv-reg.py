# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v1_r34_lm_deriv-reg.py
# Version 1 with the derivative regularisation loss.
# Published: LineMOD ADD(-S) 0.02d / 0.05d / 0.1d = 35.44 / 74.41 / 93.43 % (re-trained by the
# authors 34.78 / 74.34 / 93.24).
# Score here: not measured. One 24 GB GPU, batch 32. Memory and time: not measured.
_base_ = ["./epropnp-6dof-v1_r34_lm_basic.py"]
model = dict(criterion=dict(loss_weights=dict(translation=0.1, rotation=0.1)))
