# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v2_r18_synthetic_demo.py
# Second half of make demo-6dof: EPro-PnP on top of the coordinates that
# coord-ransac_r18_synthetic_demo.py has learned, as the published networks start from CDPN.
# From scratch the pose losses drown the coordinates in so short a time.
# Score measured: ADD 0.1d 80.0, 5 deg 5 cm 70.0 (docs/sixdof.md).
# Two CPU cores, no GPU; five minutes. Memory: not measured.
_base_ = [
    "../_base_/models/epropnp_6dof_v2_small.py",
    "../_base_/datasets/synthetic_bop.py",
    "../_base_/schedules/small_6dof_layer.py",
    "../_base_/runtime_6dof_small.py",
]
start = "work_dirs/coord-ransac_r18_synthetic_demo/iter_900.pth"
model = dict(init_cfg=dict(type="Pretrained", checkpoint=start))
