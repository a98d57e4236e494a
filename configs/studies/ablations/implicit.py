# Losses of the solved pose alone, with its gradient by the implicit function theorem: those of the
# derivative regularisation, of the same weight, without the Monte Carlo loss.
#   python tools/run_study.py ablations --models implicit        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score measured by the study (600 steps on one CPU core, 14 minutes beside another, seed 0): NDS
# 0.213, mAP 0.089; rows in results/ablations.json. Memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(
    bbox_head=dict(
        pose_solver=dict(pnp=dict(solver=dict(implicit_gradient=True))),
        criterion=dict(object_loss=dict(loss_pose=dict(loss_weight=0.0))),
    )
)
