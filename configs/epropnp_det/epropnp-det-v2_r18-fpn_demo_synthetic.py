# EPro-PnP-Det v2 on a small scale: narrow ResNet-18 from scratch, head 64 wide, images 448 x 252.
# For a CPU and the synthetic data set; studies and small configs build on it.
#
#   tools/dist_train.sh configs/epropnp_det/epropnp-det-v2_r18-fpn_demo_synthetic.py 2
#
# Measured on the synthetic mini_val, with tools/test.py --tta: NDS 0.356, mAP 0.229.
# Training takes 8:22 on 2 CPU cores (0.43 s per step). Scatter: earlier code gave NDS 0.362 and
# 0.373, mAP 0.225 and 0.251; trainings of 1080 to 1250 iterations mAP 0.217 to 0.240.
_base_ = [
    "../_base_/models/epropnp_det_v2_small.py",
    "../_base_/datasets/synthetic-mono3d.py",
    "../_base_/schedules/small_det.py",
    "../_base_/runtime_small.py",
]
