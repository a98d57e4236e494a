"""Results in viewers that some people have: Rerun's files and viser's live view; extras.

* ``scene``: cameras, boxes and points of one moment in a common frame; numpy.
* ``rerun_file``: a ``.rrd`` file.  ``viser_view``: a page served on this machine.

The packages are imported when a file or view is asked for, not before.
"""

from .rerun_file import write_rrd
from .scene import Moment, read_moments
from .viser_view import serve_live

__all__ = ["Moment", "read_moments", "serve_live", "write_rrd"]
