# Runtime settings of every config here. The only file that names the plugin.
custom_imports = dict(imports=["epropnp_det"], allow_failed_imports=False)
default_scope = "mmdet3d"

default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=40),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(type="ExactCheckpointHook", interval=1, max_keep_ckpts=3),
    sampler_seed=dict(type="DistSamplerSeedHook"),
)
visualizer = dict(type="DetectionVisualizer", vis_backends=[dict(type="LocalVisBackend")])
custom_hooks = [
    dict(type="SkippedStepHook"),
    dict(type="SkippedSampleHook"),
    dict(type="ClassesHook"),
    dict(type="EvenShardsHook"),
]

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)  # gloo where there is no GPU

log_processor = dict(type="LogProcessor", window_size=40, by_epoch=True)
log_level = "INFO"
load_from = None
resume = False
