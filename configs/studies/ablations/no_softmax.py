# Without the softmax: every point has a weight of its own, and the global scale stays.
#   python tools/run_study.py ablations --models no_softmax        trains and tests it
#   tools/dist_train.sh configs/studies/ablations/<this file> 2
# Score: not measured; the study writes it to results/ablations.json. One GPU or two CPU cores; time
# and memory: not measured.
_base_ = ["../detectors/epropnp_r18-fpn.py"]

model = dict(bbox_head=dict(correspondence_head=dict(softmax=False)))
