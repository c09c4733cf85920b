"""The process of `alexlab studio`."""

import secrets
import socket
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

import uvicorn

from alexlab.errors import UserError
from alexlab.web.app import LOOPBACK
from alexlab.web.server import LimitedProtocol, is_loopback
from alexlab.web.studio.app import make_studio
from alexlab.web.studio.learning import Trainings
from alexlab.web.studio.opened import Runs


class _Server(uvicorn.Server):
    """A server that says when it can be asked."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def serve(
    runs: Runs, trainings: Trainings, host: str, port: int, token: str | None, ready: Callable[[str], None]
) -> None:
    """Answer at `host`:`port` until the process is told to end. `ready` is told the address.

    Where others than this machine could ask, a token is needed; one is made where none is given.

    Raises:
        UserError: the port is taken.
    """
    alone = is_loopback(host)
    if not alone and not token:
        token = secrets.token_urlsafe(24)
    config = uvicorn.Config(
        make_studio(runs, trainings, token, LOOPBACK if alone else None),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,  # a page that listens to a training would keep it from ending
        http=LimitedProtocol,
    )
    try:
        sockets = [config.bind_socket()]
    except (OSError, SystemExit) as error:
        raise UserError(f"{host}:{port} cannot be listened at ({error}); take another --port.") from None
    name = "localhost" if alone else host
    asked = f"?token={quote(token)}" if token else ""
    address = f"http://{name}:{sockets[0].getsockname()[1]}/{asked}  (Ctrl-C ends it)"
    _Server(config, partial(ready, address)).run(sockets=sockets)
