# No gradient of the adaptive threshold of the robust kernel: neither weights nor image points get
# any from it.
#   python tools/run_study.py ablations --models fixed_threshold        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score: not measured; the study writes it to results/ablations.json. One GPU or two CPU cores; time
# and memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(bbox_head=dict(pose_solver=dict(cost_fun=dict(delta_gradient="none"))))
