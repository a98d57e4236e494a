# EPro-PnP-Det v2: 2 GPUs x 6 images, 12 epochs.
#   train: tools/dist_train.sh configs/epropnp_det/<this file> 2
#   other GPU counts: append --auto-scale-lr (linear scaling of the learning rate)
#   test:  tools/test.py configs/epropnp_det/<this file> CKPT
# For published weights take the config of the same name in published/.
# Score on val: not measured, none published. One H100 GPU, six images: 1.26 s a step and 15.7 GB,
# with CUDAGraphs and --amp 0.81 s and 11.2 GB (docs/performance_gpu.md).
_base_ = [
    "../_base_/models/epropnp_det_v2.py",
    "../_base_/datasets/nus-mono3d.py",
    "../_base_/schedules/adamw_12e.py",
    "../_base_/default_runtime.py",
]
