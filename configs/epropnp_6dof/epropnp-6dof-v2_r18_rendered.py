# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v2_r18_rendered.py --data-root data/mine
# One's own meshes, second half: EPro-PnP on top of coord-ransac_r18_rendered.py (docs/sixdof.md).
# Score: depends on the meshes, none measured.
# Two CPU cores, no GPU. Memory and time: not measured; five minutes with the demo's data.
_base_ = [
    "../_base_/models/epropnp_6dof_v2_small.py",
    "../_base_/datasets/rendered_bop.py",
    "../_base_/schedules/small_6dof_layer.py",
    "../_base_/runtime_6dof_small.py",
]
start = "work_dirs/coord-ransac_r18_rendered/iter_900.pth"
model = dict(symmetric_targets=True, init_cfg=dict(type="Pretrained", checkpoint=start))
