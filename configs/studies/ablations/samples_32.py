# 32 Monte Carlo samples of each object in training, instead of 64.
#   python tools/run_study.py ablations --models samples_32        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score measured by the study (600 steps on one CPU core, 16 minutes beside another, seed 0): NDS
# 0.234, mAP 0.085; rows in results/ablations.json. Memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(bbox_head=dict(pose_solver=dict(pnp=dict(mc_samples=32))))
