# Reprojection loss only: the pixels' likelihood under the true pose, deviations learnt; neither the
# Monte Carlo loss nor derivative regularisation. Its weight is 0.5 per degree of freedom, as there
# are 128 residuals of 64 points for four of them.
#   python tools/run_study.py ablations --models reprojection        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score measured by the study (600 steps on one CPU core, 14 minutes beside another, seed 0): NDS
# 0.187, mAP 0.038; rows in results/ablations.json. Memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(
    bbox_head=dict(
        pose_solver=dict(type="ReprojectionPoseSolver", cost_fun=dict(delta_gradient="none")),
        criterion=dict(
            object_loss=dict(
                loss_pose=dict(loss_weight=0.5 * 4 / 128), loss_reg_pos=None, loss_reg_orient=None
            )
        ),
    )
)
