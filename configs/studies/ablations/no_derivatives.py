# Without derivative regularisation.
#   python tools/run_study.py ablations --models no_derivatives        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score measured by the study (600 steps on one CPU core, 14 minutes beside another, seed 0): NDS
# 0.232, mAP 0.077; rows in results/ablations.json. Memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(
    bbox_head=dict(criterion=dict(object_loss=dict(loss_reg_pos=None, loss_reg_orient=None)))
)
