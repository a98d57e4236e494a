# 10 Levenberg-Marquardt steps, instead of 5.
#   python tools/run_study.py ablations --models iterations_10        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score measured by the study (600 steps on one CPU core, 19 minutes beside another, seed 0): NDS
# 0.212, mAP 0.085; rows in results/ablations.json. Memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(
    bbox_head=dict(
        pose_solver=dict(
            pnp=dict(solver=dict(num_iter=10)), test_pnp=dict(solver=dict(num_iter=10))
        )
    )
)
