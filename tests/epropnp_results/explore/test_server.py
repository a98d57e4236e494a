"""The server gives out one page, to this machine alone."""

import http.client
import threading

import pytest

from epropnp_results.explore import make_server


@pytest.fixture
def port(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    page = tmp_path / "page.html"
    page.write_text("<p>page</p>")
    server = make_server(page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def ask(port, path, method="GET", host=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    if host != "":
        connection.putheader("Host", host or f"localhost:{port}")
    connection.endheaders()
    response = connection.getresponse()
    return response.status, response.read()


def test_the_page_is_served(port):
    assert ask(port, "/") == (200, b"<p>page</p>")
    assert ask(port, "/index.html?x=1") == (200, b"<p>page</p>")
    assert ask(port, "/", host=f"127.0.0.1:{port}")[0] == 200
    assert ask(port, "/", method="HEAD") == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/secret.txt",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "//secret.txt",
        "/page.html",
        "/.",
        "*",
    ],
)
def test_nothing_else_is_served(port, path):
    status, body = ask(port, path)
    assert status == 404
    assert b"secret" not in body.replace(b"secret.txt", b"")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost", "", "localhost:1"]
)
def test_foreign_hosts_are_refused(port, host):
    assert ask(port, "/", host=host)[0] == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(port, method):
    assert ask(port, "/", method=method)[0] == 501


def test_only_this_machine_can_reach_it(tmp_path):
    with make_server(tmp_path / "page.html") as server:
        assert server.server_address[0] == "127.0.0.1"
