# Starts from the best of 4 random proposals, instead of 16.
#   python tools/run_study.py ablations --models proposals_4        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score measured by the study (600 steps on one CPU core, 18 minutes beside another, seed 0): NDS
# 0.211, mAP 0.075; rows in results/ablations.json. Memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(
    bbox_head=dict(pose_solver=dict(pnp=dict(solver=dict(init_solver=dict(num_proposals=4)))))
)
