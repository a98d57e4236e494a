# Without derivative regularisation.
#   python tools/run_study.py ablations --models no_derivatives        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score: not measured; the study writes it to results/ablations.json. One GPU or two CPU cores; time
# and memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(
    bbox_head=dict(criterion=dict(object_loss=dict(loss_reg_pos=None, loss_reg_orient=None)))
)
