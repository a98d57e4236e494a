# 128 Monte Carlo samples of each object in training, instead of 64.
#   python tools/run_study.py ablations --models samples_128        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score measured by the study (600 steps on one CPU core, 19 minutes beside another, seed 0): NDS
# 0.227, mAP 0.084; rows in results/ablations.json. Memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(bbox_head=dict(pose_solver=dict(pnp=dict(mc_samples=128))))
