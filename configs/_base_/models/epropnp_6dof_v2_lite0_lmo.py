# The small network on ImageNet features for LM-O's eight objects, told which one it looks at.
_base_ = ["./epropnp_6dof_v2_lite0.py"]
model = dict(head=dict(type="ObjectAwareHead", obj_ids=[1, 5, 6, 8, 9, 10, 11, 12]))
