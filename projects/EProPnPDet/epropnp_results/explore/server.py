"""One page on localhost: a server that gives out this file and nothing else."""

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST = "127.0.0.1"
PATHS = ("/", "/index.html")


def make_server(page: Path, port: int = 0) -> ThreadingHTTPServer:
    """Server of a page at 127.0.0.1, not reachable from other machines.

    Requests for anything but the page are answered by 404. Requests whose Host header does not name
    this machine are refused (a foreign web page could otherwise read the results by DNS
    rebinding), and so is every method but GET and HEAD.

    Args:
        page: HTML file.
        port: 0 takes a free one; see ``server_port`` of the result.
    """

    class Handler(_PageHandler):
        file = page

    return ThreadingHTTPServer((HOST, port), Handler)


class _PageHandler(BaseHTTPRequestHandler):
    file: Path

    def do_GET(self) -> None:
        """Answer with the page."""
        if self._head():
            self.wfile.write(self.file.read_bytes())

    def do_HEAD(self) -> None:
        """Answer with the headers of the page."""
        self._head()

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged."""

    def _head(self) -> bool:
        port = self.server.server_port
        allowed = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        if self.headers.get("Host") not in allowed:
            self.send_error(HTTPStatus.FORBIDDEN, "unknown host")
            return False
        if self.path.split("?")[0] not in PATHS:
            self.send_error(HTTPStatus.NOT_FOUND, "nothing but the page is served")
            return False
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(self.file.stat().st_size))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()
        return True
