"""What a network found in images, kept as files: one JSON record and one array file per image.

* ``records``: images, objects and true boxes as plain data.  ``store``: the folder they live in.
* ``matching``: which detection is which true object, and how far off it is.
* ``regions``: credible regions of densities on grids.  ``space``: the ground plane cameras share.
* ``pictures``: results drawn.  ``explore``: one web page of them.  ``viewers``: Rerun, viser.

The format is described in ``docs/results_folder.md``. Nothing here needs torch or mm* packages.
"""

from .matching import Match, match_objects
from .records import ImageResult, ObjectResult, TruthBox
from .regions import credible_threshold, mass_above
from .store import ResultsError, ResultsFolder, explore_command

__all__ = [
    "ImageResult",
    "Match",
    "ObjectResult",
    "ResultsError",
    "ResultsFolder",
    "TruthBox",
    "credible_threshold",
    "explore_command",
    "mass_above",
    "match_objects",
]
