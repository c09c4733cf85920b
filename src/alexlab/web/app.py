"""The application: its addresses, who may ask, and what is logged. It runs in any ASGI server; `alexlab serve` has its own."""

import asyncio
import contextlib
import hmac
import logging
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alexlab import __version__
from alexlab.errors import UserError
from alexlab.inference.ranking import ranked
from alexlab.templates import fill
from alexlab.valid_json import to_json
from alexlab.web import inference_protocol as protocol
from alexlab.web.bodies import Held, read_body, read_images
from alexlab.web.engine import Answer, Engine
from alexlab.web.errors import Refused, bad
from alexlab.web.metrics import Metrics
from alexlab.web.models import Named
from alexlab.web.openapi import document

log = logging.getLogger("alexlab.serve")

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
OPEN = ("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready")
"""What is answered without a token: whoever starts and stops services asks it."""
TOP = 5
EVERY = 2.0  # seconds between looks at files that are watched
SECURITY = {
    "content-security-policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Limits:
    """What a service takes on.

    Attributes:
        body: bytes of a request's body.
        queue: images of a model that wait.
        seconds: within which a request is answered.
        held: bytes of bodies at a time, of all requests.
    """

    body: int = 32 << 20
    queue: int = 512
    seconds: float = 30.0
    held: int = 1 << 30


class Service:
    """Models by name, each with its queue, and whether new requests are taken."""

    def __init__(self, models: Sequence[Named], limits: Limits, watch: bool = False) -> None:
        """Open the models. Raises UserError where one cannot be opened or two have one name."""
        self.limits, self.metrics, self.draining = limits, Metrics(), False
        self.held = Held(limits.held)
        self._watch = watch
        self._named = {each.name: each for each in models}
        if len(self._named) < len(models):
            twice = next(each.name for each in models if sum(other.name == each.name for other in models) > 1)
            raise UserError(f"two models are called {twice!r}; name one of them: OTHER_NAME=PATH.")
        self._stamps = {each.name: each.stamp() for each in models}
        self._opened = {each.name: each.opened(each.path) for each in models}
        self.engines: dict[str, Engine] = {}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start the queues; at the end answer what is in them."""
        for name, model in self._opened.items():
            self.engines[name] = Engine(name, model, self.limits.queue, self.metrics)
        watching = asyncio.create_task(self._look()) if self._watch else None
        try:
            yield
        finally:
            if watching:
                watching.cancel()
            for engine in self.engines.values():
                await engine.close()

    async def _look(self) -> None:
        """Take newer files as they come. A file that cannot be opened leaves the model as it was."""
        while True:
            await asyncio.sleep(EVERY)
            for name, each in self._named.items():
                stamp = each.stamp()
                if stamp is None or stamp == self._stamps[name]:
                    continue
                self._stamps[name] = stamp
                try:
                    self.engines[name].model = await asyncio.to_thread(each.opened, each.path)
                except Exception as error:  # whatever is wrong with the new file, the old model answers
                    self.metrics.loads.labels(name, "failed").inc()
                    log.error("a newer model cannot be opened", extra={"model": name, "error": str(error)})
                else:
                    self.metrics.loads.labels(name, "opened").inc()
                    log.info("a newer model answers", extra={"model": name})

    def engine(self, name: str | None) -> Engine:
        """Return the queue of the model `name`; of the only one where no name is given. Raises Refused where there is none."""
        if name is None and len(self.engines) == 1:
            return next(iter(self.engines.values()))
        if name is None:
            raise bad(f"several models are served: say which with ?model=NAME, one of {', '.join(self.engines)}.")
        if name not in self.engines:
            raise Refused(404, "model", f"no model {name[:80]!r}; served: {', '.join(self.engines)}.")
        return self.engines[name]

    def name_of(self, engine: Engine) -> str:
        """Return the name under which a queue is asked."""
        return next(name for name, each in self.engines.items() if each is engine)


def make_app(service: Service, token: str | None = None, hosts: Sequence[str] | None = LOOPBACK) -> ASGIApp:
    """Make the application.

    Args:
        token: what requests have to bring as `Authorization: Bearer TOKEN`, but for those that ask after health.
        hosts: names under which the service is asked, which keeps pages of other sites out; None for any.
    """

    async def predict(request: Request) -> Response:
        engine = service.engine(request.query_params.get("model"))
        top = _top(request.query_params.get("top"))
        images = await read_images(request, service.limits.body, service.held)
        answers = await engine.answers([data for _, data in images], service.limits.seconds)
        refused = protocol.first_refusal(answers)
        if refused and all(isinstance(answer, Refused) for answer in answers):
            raise refused
        facts = [
            _told(name, answer, engine.model.classes, top) for (name, _), answer in zip(images, answers, strict=True)
        ]
        return _json({"model": service.name_of(engine), "predictions": facts})

    async def infer(request: Request) -> Response:
        engine = service.engine(request.path_params["model"])
        body = await read_body(request, service.limits.body, service.held)
        asked, images = protocol.read(body, request.headers.get(protocol.HEADER_LENGTH))
        answers = await engine.answers(images, service.limits.seconds)
        if refused := protocol.first_refusal(answers):
            raise refused
        answered = [answer for answer in answers if not isinstance(answer, Refused)]
        content, length = protocol.write(asked, request.path_params["model"], engine.model.classes, answered)
        if length is None:
            return Response(content, media_type="application/json")
        headers = {protocol.HEADER_LENGTH: str(length)}
        return Response(content, media_type="application/octet-stream", headers=headers)

    async def metadata(request: Request) -> Response:
        name = request.path_params["model"]
        model = service.engine(name).model
        return _json(protocol.metadata(name, model.platform, model.classes))

    async def model_ready(request: Request) -> Response:
        name = request.path_params["model"]
        service.engine(name)
        return _json({"name": name, "ready": True})

    async def server(request: Request) -> Response:
        return _json({"name": "alexlab", "version": __version__, "extensions": ["binary_tensor_data"]})

    async def live(request: Request) -> Response:
        return _json({"live": True})

    async def ready(request: Request) -> Response:
        return _json({"ready": bool(service.engines)})

    async def metrics(request: Request) -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def openapi(request: Request) -> Response:
        return _json(document(__version__, list(service.engines)))

    async def page(request: Request) -> Response:
        models = {name: engine.model.classes for name, engine in service.engines.items()}
        return HTMLResponse(fill("alexlab.web", "service.html", models=models, host=request.url.netloc))

    routes = [
        Route("/", page),
        Route("/predict", predict, methods=["POST"]),
        Route("/v2", server),
        Route("/v2/models/{model}", metadata),
        Route("/v2/models/{model}/versions/1", metadata),
        Route("/v2/models/{model}/ready", model_ready),
        Route("/v2/models/{model}/versions/1/ready", model_ready),
        Route("/v2/models/{model}/infer", infer, methods=["POST"]),
        Route("/v2/models/{model}/versions/1/infer", infer, methods=["POST"]),
        Route("/v2/health/live", live),
        Route("/v2/health/ready", ready),
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/metrics", metrics),
        Route("/openapi.json", openapi),
    ]

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with service.running():
            yield

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return _refusal(service, error)

    async def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        sentence = {404: "no such address; / lists them.", 405: f"{request.method} is not for this address."}
        answer = _refusal(service, Refused(error.status_code, "http", sentence.get(error.status_code, error.detail)))
        answer.headers.update(error.headers or {})
        return answer

    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={Refused: refused, HTTPException: unknown})
    return _Guard(app, service, token, tuple(hosts) if hosts is not None else None)


class _Guard:
    """Before every request: who asks, from where, and whether anything new is taken; after it: a line of the log and the metrics."""

    def __init__(self, app: ASGIApp, service: Service, token: str | None, hosts: tuple[str, ...] | None) -> None:
        self._app, self._service, self._hosts = app, service, hosts
        self._token = f"Bearer {token}".encode() if token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    *((name.encode(), value.encode()) for name, value in SECURITY.items()),
                ]
            await send(message)

        try:
            if refused := self._refused(scope):
                await _refusal(self._service, refused)(scope, receive, sending)
            else:
                await self._app(scope, receive, sending)
        finally:
            self._service.held.give_back(scope)
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "other")
            self._service.metrics.requests.labels(route, str(status)).inc()
            self._service.metrics.seconds.labels(route).observe(seconds)
            facts = {"method": scope["method"], "route": route, "status": status, "ms": round(1000 * seconds, 2)}
            log.info("request", extra=facts)

    def _refused(self, scope: Scope) -> Refused | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._hosts is not None and without_port(host) not in self._hosts:
            return Refused(403, "host", "asked under another name than this service has.")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return Refused(
                403, "origin", "a page of another site asks; this service answers its own pages and programs."
            )
        if self._token and scope["path"] not in OPEN:
            brought = headers.get("authorization", "").encode(errors="surrogateescape")
            if not hmac.compare_digest(brought, self._token):
                return Refused(
                    401, "token", "expected the header `Authorization: Bearer TOKEN` with this service's token."
                )
        if self._service.draining and not scope["path"].endswith("/live"):
            return Refused(503, "shutting-down", "the service is shutting down.", retry=5)
        return None


def without_port(host: str) -> str:
    """Return the name in a Host header."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _refusal(service: Service, refused: Refused) -> Response:
    service.metrics.errors.labels(refused.kind).inc()
    headers = {"retry-after": str(refused.retry)} if refused.retry is not None else {}
    if refused.status == 401:
        headers["www-authenticate"] = "Bearer"
    return _json({"error": str(refused)}, refused.status, headers)


def _json(facts: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(to_json(facts), status, headers, media_type="application/json")


def _top(asked: str | None) -> int:
    if asked is None:
        return TOP
    if not (asked.isascii() and asked.isdecimal() and 1 <= int(asked[:10]) <= 1_000_000):
        raise bad(f"top={asked[:20]!r}: expected a whole number from 1.")
    return int(asked[:10])


def _told(name: str, answer: Answer, classes: Sequence[str], top: int) -> dict[str, Any]:
    told = {"name": name} if name else {}
    if isinstance(answer, Refused):
        return {**told, "error": str(answer)}
    return {
        **told,
        "top": [{"class": classes[i], "probability": float(answer[i])} for i in ranked(answer[None], top)[0]],
    }
