"""Procedural worlds seen by cameras and lidar, written in public data set layouts.

Frames and units, the same in every module:

* metres, radians, pixels, microseconds; quaternions are (w, x, y, z).
* ``global``: x east, y north, z up, the ground is z = 0.
* ``ego``: x forward, y left, z up, origin on the ground.
* ``obj``: x forward, y left, z up, origin at the centre of the object's box.
* ``cam``: x right, y down, z forward. Pixels are continuous: the centre of the top-left pixel
  is (0.5, 0.5).
* ``lidar``: x right, y forward, z up (the frame of nuScenes ``.pcd.bin`` files).

Letters: T triangles, R rays, H x W image rows and columns. Sizes of boxes are (l, w, h) here and
(w, l, h) in nuScenes tables; the table writer converts.

:mod:`~epropnp_synth.generate` writes nuScenes' layout, :mod:`~epropnp_synth.street` that of KITTI
and the plain file of one's own images. How a data set lies on disk is :mod:`epropnp_data`. The
package needs numpy, embreex, cv2 and tqdm (``bop`` also trimesh); it imports neither torch nor mm*
packages.
"""
