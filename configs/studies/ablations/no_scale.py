# Without the global scale: the softmax of the points times one number for all objects, the mean
# that the detector of make demo has learnt at its end (norm_factor of its log).
#   python tools/run_study.py ablations --models no_scale        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score: not measured; the study writes it to results/ablations.json. One GPU or two CPU cores; time
# and memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(bbox_head=dict(object_branches=dict(fixed_scale=4.3)))
