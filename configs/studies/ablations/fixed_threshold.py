# No gradient of the adaptive threshold of the robust kernel: neither weights nor image points get
# any from it.
#   python tools/run_study.py ablations --models fixed_threshold        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score measured by the study (600 steps on one CPU core, 13 minutes beside another, seed 0): NDS
# 0.234, mAP 0.079; rows in results/ablations.json. Memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(bbox_head=dict(pose_solver=dict(cost_fun=dict(delta_gradient="none"))))
