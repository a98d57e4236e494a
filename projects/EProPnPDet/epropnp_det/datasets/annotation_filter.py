"""Which annotations a detector is trained on."""

from dataclasses import dataclass

import numpy as np

from .camera_annotations import CameraAnnotations


@dataclass(frozen=True)
class AnnotationFilter:
    """Limits of a training annotation.

    Attributes:
        min_visibility: lowest nuScenes visibility level (1 to 4); an unknown level passes.
        max_truncation: largest share of the box outside the image.
        min_size: shortest side of the 2D box in pixels.
    """

    min_visibility: int = 2
    max_truncation: float = 0.8
    min_size: float = 4.0

    def __call__(self, annotations: CameraAnnotations) -> np.ndarray:
        """Mask (G,) of the annotations to keep."""
        seen = annotations.visibility
        sides = annotations.bboxes[:, 2:] - annotations.bboxes[:, :2]
        return (
            ((seen >= self.min_visibility) | (seen == 0))
            & (annotations.truncation <= self.max_truncation)
            & (sides >= self.min_size).all(axis=1)
        )
