"""One's own images with boxes: a plain JSON file, described in ``docs/custom_data.md``.

* ``records``: images, objects and categories as they are in the file, checked.
* ``read``, ``write``: the file.  ``fields``: its values, one by one, with errors that name them.
* ``statistics``: sizes of the objects of each category.
"""

from .read import read_custom
from .records import Category, CustomImage, CustomObject, CustomSet
from .statistics import SizeStatistics, size_statistics
from .write import write_custom

__all__ = [
    "Category",
    "CustomImage",
    "CustomObject",
    "CustomSet",
    "SizeStatistics",
    "read_custom",
    "size_statistics",
    "write_custom",
]
