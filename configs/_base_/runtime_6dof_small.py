# Runtime of short 6DoF runs that count iterations.
_base_ = ["./runtime_6dof.py"]
default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(by_epoch=False, interval=250, max_keep_ckpts=1, save_best=None),
)
log_processor = dict(by_epoch=False)
runner_type = "ChannelsLastRunner"
randomness = dict(seed=0)
