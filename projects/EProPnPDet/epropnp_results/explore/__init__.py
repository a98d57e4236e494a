"""One self-contained web page to explore results in.

* ``page``: results folder -> HTML file.  ``sample``: what the page knows of one sample.
* ``quantize``: arrays as few bytes.  ``pictures``: images within a number of bytes.
* ``server``: the page on localhost.
* ``template.html``: program of the page, built from ``web/`` (see ``web/README.md``).
"""

from .page import PageSettings, write_page
from .server import make_server

__all__ = ["PageSettings", "make_server", "write_page"]
