# python tools/train.py configs/epropnp_6dof/coord-ransac_r18_lmo-sample.py
# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v2_r18_lmo-sample_with-model.py
# EPro-PnP on 30 real frames of the driller, on top of coordinates regressed before.
# Score measured: ADD 0.1d 57.1 on 7 frames (docs/sixdof.md).
# Two CPU cores, no GPU; about ten minutes on one of them. Memory: not measured.
_base_ = [
    "../_base_/models/epropnp_6dof_v2_small.py",
    "../_base_/datasets/lmo_sample.py",
    "../_base_/schedules/small_6dof_layer.py",
    "../_base_/runtime_6dof_small.py",
]
start = "work_dirs/coord-ransac_r18_lmo-sample/iter_900.pth"
model = dict(init_cfg=dict(type="Pretrained", checkpoint=start))
