"""The detector on one's own images.

    infer = Detector3D(config, checkpoint)
    found = infer(image, intrinsics)           # found.result.objects, found.arrays

* ``detector3d``: the object above.  ``records``: detections as plain data, see
  ``docs/results_folder.md``.
* ``dataset_results``: results of a test split with its ground truth.
"""

from .dataset_results import write_dataset_results
from .detector3d import Detector3D, Found

__all__ = ["Detector3D", "Found", "write_dataset_results"]
