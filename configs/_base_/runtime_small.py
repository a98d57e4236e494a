# Runtime of short detector runs that count iterations.
_base_ = ["./default_runtime.py"]

default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(by_epoch=False, interval=100, max_keep_ckpts=2),
)
runner_type = "ChannelsLastRunner"
randomness = dict(seed=0)
log_processor = dict(by_epoch=False, window_size=20)
