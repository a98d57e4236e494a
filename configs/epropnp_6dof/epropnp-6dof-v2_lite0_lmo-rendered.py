# python tools/train.py configs/epropnp_6dof/epropnp-6dof-v2_lite0_lmo-rendered.py
# LM-O's eight objects from rendered scenes alone, small network: EPro-PnP on top of the coordinates
# of coord-ransac_lite0_lmo-rendered_start.py.
# Score measured by make lmo on the 200 real images with true boxes: ADD(-S) 0.1 d 12.3, AR MSSD
# 20.4, AR MSPD 54.5. Two CPU cores, no GPU; 18 minutes beside other work. Memory: not measured.
_base_ = [
    "../_base_/models/epropnp_6dof_v2_lite0_lmo.py",
    "../_base_/datasets/lmo_rendered.py",
    "../_base_/schedules/small_6dof_second.py",
    "../_base_/runtime_6dof_small.py",
]
start = "work_dirs/coord-ransac_lite0_lmo-rendered_start/iter_4000.pth"
model = dict(symmetric_targets=True, init_cfg=dict(type="Pretrained", checkpoint=start))
