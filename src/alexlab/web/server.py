"""The process of `alexlab serve`: sockets, signals and the log."""

import contextlib
import ipaddress
import json
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from alexlab.errors import UserError
from alexlab.web.app import LOOPBACK, Service, make_app

FACTS = ("method", "route", "status", "ms", "model", "error")
KEEP_ALIVE = 30  # seconds that a connection may lie idle
MOST_CONNECTIONS = 4096
LONGEST_HEAD = 1 << 16  # bytes of a request's line and headers


class _Lines(logging.Formatter):
    """A line of JSON for each event: what happened, and no content of anything that was sent."""

    def format(self, record: logging.LogRecord) -> str:
        facts: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        facts |= {name: getattr(record, name) for name in FACTS if hasattr(record, name)}
        if record.exc_info:
            facts["traceback"] = self.formatException(record.exc_info)
        return json.dumps(facts)


class LimitedProtocol(HttpToolsProtocol):
    """Uvicorn's, which would hold a request's head of any length."""

    _in_head, _head = True, 0

    def data_received(self, data: bytes) -> None:
        """Take bytes; refuse a head that is too long."""
        self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > LONGEST_HEAD and not self.transport.is_closing():
            self.send_400_response(f"The request's head is longer than {LONGEST_HEAD:,} bytes.")

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Count no more."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Begin to count for the next."""
        self._in_head, self._head = True, 0
        super().on_message_complete()


class _Server(uvicorn.Server):
    """A server that tells the service when it is to end, and ends with exit code 0."""

    def __init__(self, config: uvicorn.Config, service: Service, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._service, self._ready = service, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._service.draining = True
        super().handle_exit(sig, frame)


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def serve(service: Service, host: str, port: int, token: str | None, ready: Callable[[str], None]) -> None:
    """Answer at `host`:`port` until the process is told to end, and then what has been accepted. `ready` is told the address.

    Raises:
        UserError: the port is taken, or others could ask and there is no token.
    """
    alone = is_loopback(host)
    if not alone and not token:
        raise UserError(
            f"--host {host}: other machines could ask, and no token is set. Set one in ALEXLAB_TOKEN (or with --token), or serve on "
            "127.0.0.1."
        )
    _log_to(sys.stderr)
    config = uvicorn.Config(
        make_app(service, token, LOOPBACK if alone else None),
        host=host,
        port=port,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here asks who the client says it is
        timeout_keep_alive=KEEP_ALIVE,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=None,
        lifespan="on",
        http=LimitedProtocol,
    )
    try:
        sockets = [config.bind_socket()]
    except (OSError, SystemExit) as error:
        raise UserError(f"{host}:{port} cannot be listened at ({error}); take another --port.") from None
    name = "localhost" if alone else host
    address = f"http://{name}:{sockets[0].getsockname()[1]}/  (Ctrl-C ends it)"
    _Server(config, service, partial(ready, address)).run(sockets=sockets)


def _log_to(stream: Any) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Lines())
    for name in ("alexlab.serve", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
    logging.getLogger("alexlab.serve").setLevel(logging.INFO)
    # Whatever else a library says is a line of JSON too; what the reader of forms says are characters of somebody's form.
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(True)
    logging.getLogger("python_multipart").propagate = False
    logging.getLogger("python_multipart").addHandler(logging.NullHandler())
