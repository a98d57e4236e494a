# 32 Monte Carlo samples of each object in training, instead of 64.
#   python tools/run_study.py ablations --models samples_32        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score: not measured; the study writes it to results/ablations.json. One GPU or two CPU cores; time
# and memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(bbox_head=dict(pose_solver=dict(pnp=dict(mc_samples=32))))
