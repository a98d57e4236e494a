"""EPro-PnP detector for MMDetection3D: ``custom_imports = dict(imports=['epropnp_det'])``.

Importing the package registers all of it, and what it shares with the 6DoF network
(:mod:`epropnp_mm`), in mmdet3d's registries; nothing else happens.

Letters: B images of a batch, G annotated objects of an image, M objects of a batch, n points of an
object, K classes, L pyramid levels. Metres, radians, pixels.
Frames: camera x right, y down, z forward, never mirrored; object x length (forward), y height
(down), z width. A pose is (x, y, z, yaw) with R(yaw) = [[c, 0, s], [0, 1, 0], [-s, 0, c]].
"ori" pixels belong to the original image, "aug" pixels to the network input; ``img_transform``
(3, 3) maps ori to aug. Pixel coordinates are continuous, the top-left pixel's centre is (0.5, 0.5).
"""

import epropnp_mm.registration  # noqa: F401 - only registration

from . import datasets, evaluation, models, visualization  # only registration

__all__ = ["datasets", "evaluation", "models", "visualization"]
