"""Dense-correspondence 6DoF pose network on the EPro-PnP layer (paper section 5.1).

Letters: B object crops, n points, V model vertices, S symmetries.
Units: metres, radians (degrees where a name says so), pixels; BOP files hold millimetres and are
converted where they are read and written.
Frames: the object frame is that of the model; the camera frame has x right, y down, z forward;
``points_cam = R points_obj + t``. A pose tensor is (x, y, z, w, i, j, k), unit quaternion real part
first. Pixel coordinates are continuous, the centre of the top-left pixel is (0.5, 0.5).

``import epropnp_6dof`` registers the model, data set, transforms, metric and visualiser when
mmengine is installed; :mod:`epropnp_6dof.metrics` and :mod:`epropnp_6dof.bop` need numpy and scipy
only.
"""

import importlib.util

if importlib.util.find_spec("mmdet3d"):
    import epropnp_mm.registration  # noqa: F401 - only registration

    from . import datasets, evaluation, models, visualization  # noqa: F401 - only registration
