"""Pictures of data samples, drawn by :mod:`epropnp_results.pictures` for both networks.

* ``visualizer``: what the networks' visualizers share.  ``hooks``: in training, validation, test.
"""

from .hooks import DrawResultsHook, DrawTrainingHook
from .visualizer import ResultVisualizer

__all__ = ["DrawResultsHook", "DrawTrainingHook", "ResultVisualizer"]
