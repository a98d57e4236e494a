# Without the softmax: every point has a weight of its own, and the global scale stays.
#   python tools/run_study.py ablations --models no_softmax        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score measured by the study (600 steps on one CPU core, 13 minutes beside another, seed 0): NDS
# 0.235, mAP 0.083; rows in results/ablations.json. Memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(bbox_head=dict(correspondence_head=dict(softmax=False)))
