# Without auxiliary losses: neither reprojection in the boxes nor anything of the lidar.
#   python tools/run_study.py ablations --models no_auxiliary        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score: not measured; the study writes it to results/ablations.json. One GPU or two CPU cores; time
# and memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(bbox_head=dict(criterion=dict(auxiliary=None)))
