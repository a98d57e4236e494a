"""Data sets as they lie on disk and as they lie in space; no torch, needs no other package here.

* ``bop``: meshes, symmetries, visibility and annotation files of BOP data sets.
* ``custom``: one's own images with boxes, a plain JSON file.  ``kitti``: KITTI's files, and the way
  into the plain file.  ``vocabulary``: names of classes and attributes.
* ``lmo``: LM-O's test images from a package on PyPI.
* ``nuscenes``: names of the detection task, writer of the tables, real samples as a data root.
* ``geometry``: rigid motions, boxes, projection.
* ``raycast``: first hits of rays on triangles (Embree).
* ``staging``: folders that appear complete or not at all.

Metres, radians, pixels, microseconds; quaternions are (w, x, y, z). Pixels are continuous: the
centre of the top-left pixel is (0.5, 0.5).
"""
