# EPro-PnP-Det v2 of the studies: the detector of make demo, for a longer training.
#   python tools/run_study.py head_to_head             trains and tests it beside its siblings
#   tools/dist_train.sh configs/studies/detectors/<this file> 2
# Score: not measured; the study writes it to results/head_to_head.json. Two CPU cores; time and
# memory: not measured.
_base_ = ["../../epropnp_det/epropnp-det-v2_r18-fpn_demo_synthetic.py"]
