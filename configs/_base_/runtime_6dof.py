# Runtime settings of the 6DoF configs: as the detector's, with the 6DoF package registered.
_base_ = ["./default_runtime.py"]
custom_imports = dict(imports=["epropnp_6dof"], allow_failed_imports=False)
default_hooks = dict(checkpoint=dict(interval=10, save_best="6dof/add_0.1d", rule="greater"))
visualizer = dict(type="PoseVisualizer")
