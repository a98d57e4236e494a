"""Pictures of the 6DoF network's data samples, made by `epropnp_results.pictures`.

* ``poses``: poses in an image with what the network saw.  ``network_input``: what training sees.
* ``visualizer``: both through mmengine's visualizer.  ``curves``: plots of an evaluation.
"""

from .network_input import draw_crop
from .poses import draw_poses
from .visualizer import PoseVisualizer

__all__ = ["PoseVisualizer", "draw_crop", "draw_poses"]
