# Without the global scale: the softmax of the points times one number for all objects, the mean
# that the detector of make demo has learnt at its end (norm_factor of its log).
#   python tools/run_study.py ablations --models no_scale        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score measured by the study (600 steps on one CPU core, 13 minutes beside another, seed 0): NDS
# 0.096, mAP 0.018; rows in results/ablations.json. Memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(bbox_head=dict(object_branches=dict(fixed_scale=4.3)))
