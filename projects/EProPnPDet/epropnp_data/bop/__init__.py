"""BOP data: meshes and their symmetries, what a camera sees of them, annotation files.

Metres here, millimetres in the files. ``obj`` frame: of the model. ``cam`` frame: x right, y down,
z forward. As everywhere in BOP, integer pixel coordinates are pixel centres.
"""
