# EPro-PnP-Det v2 of the studies: the detector of make demo, for a longer training.
#   python tools/run_study.py head_to_head             trains and tests it beside its siblings
#   tools/dist_train.sh configs/studies/detectors/<this file> 2
# Score measured by the study (600 steps on one CPU core, 14 minutes beside another, mean of 3
# seeds): NDS 0.238, mAP 0.095; rows in results/head_to_head.json. Memory: not measured.
_base_ = ["../../epropnp_det/epropnp-det-v2_r18-fpn_demo_synthetic.py"]
