"""The server of the live page: the loopback address alone, reading only, and no other host's requests."""

from __future__ import annotations

import errno
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from recurra import InvalidOption, RecurraError
from recurra_lab.watching.page import LivePage

LOOPBACK = "127.0.0.1"
NAMES = (LOOPBACK, "localhost")


class Server(ThreadingHTTPServer):
    """Serves a live page on the loopback address.

    Args:
        page: The page.
        port: The port; 0 for any that is free.

    Raises:
        InvalidOption: The port is in use, or not allowed.
    """

    daemon_threads = True

    def __init__(self, page: LivePage, port: int) -> None:
        try:
            super().__init__((LOOPBACK, port), partial(Handler, page))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            reason = "is in use" if error.errno == errno.EADDRINUSE else "is not allowed"
            message = f"--port {port} {reason}; choose another, or --port 0 for any that is free"
            raise InvalidOption(message) from None

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{LOOPBACK}:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    """Answers `/`, the page, and `/runs`, its contents.

    A request must name this host: a page of another site, whose name its owner lets point here, names that.
    """

    def __init__(self, page: LivePage, *args: Any) -> None:
        self.page = page
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer a request."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer a request without the page."""
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        answers = {"/": self.page.frame, "/runs": self.page.contents}
        port = self.connection.getsockname()[1]
        if self.headers.get("Host") not in {f"{name}:{port}" for name in NAMES}:
            self.send_error(HTTPStatus.FORBIDDEN, "this page is for the machine that it runs on")
        elif (path := self.path.partition("?")[0]) not in answers:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            self._send(answers[path], body)

    def _send(self, render: Any, body: bool) -> None:
        try:
            content = render().encode()
        except RecurraError as error:
            # As the body: the status line holds neither a path in every script nor more than one line.
            self.send_error(HTTPStatus.NOT_FOUND, explain=str(error))
            return
        self.send_response(HTTPStatus.OK)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Stay silent: a line every two seconds would fill the terminal."""


HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
