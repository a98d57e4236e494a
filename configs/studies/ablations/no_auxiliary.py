# Without auxiliary losses: neither reprojection in the boxes nor anything of the lidar.
#   python tools/run_study.py ablations --models no_auxiliary        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score measured by the study (600 steps on one CPU core, 12 minutes beside another, seed 0): NDS
# 0.209, mAP 0.075; rows in results/ablations.json. Memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(bbox_head=dict(criterion=dict(auxiliary=None)))
