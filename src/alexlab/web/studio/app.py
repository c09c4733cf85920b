"""The studio's application: its addresses. What each answers is in the file of its subject."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from alexlab.data.sources.ilsvrc import readable
from alexlab.errors import UserError
from alexlab.runs.listing import list_runs
from alexlab.runs.run import Run
from alexlab.valid_json import to_json
from alexlab.web.app import LOOPBACK
from alexlab.web.bodies import Held, read_body
from alexlab.web.errors import Refused
from alexlab.web.studio import judging, learning, thinking, understanding, using
from alexlab.web.studio.guard import Guard
from alexlab.web.studio.learning import Trainings
from alexlab.web.studio.opened import Opened, Runs

PAGE = Path(__file__).parent / "page"
"""Where the built page lies: in a wheel, or after `make studio` in a clone. It is not in git."""
LARGEST_BODY = 32 << 20
HELD = 256 << 20
LARGEST_SCRIPT = 1 << 19
EVERY = 0.5  # seconds between looks at a training
NOT_BUILT = "The studio's page is not built. In a clone, `make studio` builds it (it takes nodejs and npm); a wheel has it built."


def make_studio(
    runs: Runs, trainings: Trainings, token: str | None = None, hosts: Sequence[str] | None = LOOPBACK
) -> ASGIApp:
    """Make the application.

    Args:
        token: what a browser brings, once in the address; None where this machine alone can ask.
        hosts: names under which it is asked; None for any.
    """
    held = Held(HELD)

    async def body_of(request: Request, limit: int = LARGEST_BODY) -> bytes:
        return await read_body(request, limit, held)

    async def picture_of(request: Request) -> thinking.Picture:
        number = whole(request, "image")
        content = b"" if number is not None else await body_of(request)
        return thinking.Picture(content, number, request.query_params.get("invert") == "1")

    def opened(request: Request) -> Opened:
        return runs.open(request.path_params["run"])

    async def page(request: Request) -> Response:
        if not (PAGE / "index.html").is_file():
            return PlainTextResponse(NOT_BUILT, 503)
        return FileResponse(PAGE / "index.html", headers={"cache-control": "no-cache"})

    async def listed(request: Request) -> Response:
        found = await asyncio.to_thread(list_runs, runs.place)
        return answer({"runs": [{**each.facts(), "name": each.folder.name} for each in found]})

    def about(request: Request) -> Any:
        run = opened(request).run
        ready = run.transform
        return {
            "name": run.folder.name,
            "network": run.recipe.network,
            "dataset": run.facts["dataset"],
            "classes": readable(run.classes),
            "state": run.result["state"],
            "input": run.recipe.input,
            "stored": ready.store,
            "fit": ready.fit,
            "pixels": ready.pixels,
            "mean": list(ready.mean),
            "std": list(ready.std),
            "meanImage": ready.subtract_mean_image,
            "trained": run.was_trained,
            "final": {key: run.final[key] for key in ("on", "images", "top1", "top5", "loss")} if run.final else None,
            "recipe": run.recipe.model_dump(mode="json"),
        }

    async def think(request: Request) -> Response:
        picture = await picture_of(request)
        found = await asyncio.to_thread(lambda: thinking.think(opened(request), picture))
        return Response(found, media_type="application/octet-stream")

    async def one_map(request: Request) -> Response:
        picture, layer, number = await picture_of(request), text(request, "layer"), whole(request, "map") or 0
        return answer(await asyncio.to_thread(lambda: thinking.one_map(opened(request), picture, layer, number)))

    async def one_unit(request: Request) -> Response:
        picture, layer, place = await picture_of(request), text(request, "layer"), text(request, "place")
        return answer(await asyncio.to_thread(lambda: thinking.one_unit(opened(request), picture, layer, place)))

    async def pixels(request: Request) -> Response:
        picture, k, how = await picture_of(request), whole(request, "class") or 0, text(request, "how")
        return answer(await asyncio.to_thread(lambda: thinking.pixels_that_count(opened(request), picture, k, how)))

    def images(request: Request) -> Any:
        which = request.query_params.get("which", "all")
        true, predicted, start = whole(request, "true"), whole(request, "predicted"), whole(request, "start") or 0
        return judging.chosen_images(opened(request), which, true, predicted, start)

    def metrics(request: Request) -> Any:
        return {"lines": Run(runs.folder(request.path_params["run"])).metrics()}

    def compared(request: Request) -> Any:
        return judging.compared(opened(request), runs.open(text(request, "with")))

    async def image(request: Request) -> Response:
        number, small = int(request.path_params["number"]), whole(request, "small")
        found = await asyncio.to_thread(lambda: thinking.png_of(opened(request), number, small))
        return Response(found, media_type="image/png", headers={"cache-control": "private, max-age=600"})

    async def classify(request: Request) -> Response:
        content, name = await body_of(request), request.query_params.get("name", "image")[:500]
        inverted = request.query_params.get("invert") == "1"
        return answer(await asyncio.to_thread(lambda: using.classified(opened(request), name, content, inverted)))

    async def onnx(request: Request) -> Response:
        content = await asyncio.to_thread(lambda: using.as_onnx(opened(request)))
        headers = {"content-disposition": 'attachment; filename="network.onnx"'}
        return Response(content, media_type="application/octet-stream", headers=headers)

    async def train(request: Request) -> Response:
        try:
            asked = json.loads(await body_of(request, 1 << 16))
        except ValueError:
            raise UserError("expected JSON.") from None
        return answer(await asyncio.to_thread(trainings.add, asked))

    def look_at(request: Request) -> Any:
        return learning.dataset_facts(trainings.look_at(text(request, "dataset")))

    async def contact(request: Request) -> Response:
        name = text(request, "dataset")
        found = await asyncio.to_thread(lambda: learning.sheet(trainings.look_at(name)))
        return Response(found, media_type="image/png")

    async def live(request: Request) -> Response:
        name = request.path_params["name"]
        first = await asyncio.to_thread(trainings.live, name)

        async def events() -> AsyncIterator[str]:
            now, said = first, ""
            while not await request.is_disconnected():
                if (text_now := to_json(now)) != said:
                    said = text_now
                    yield f"data: {said}\n\n"
                await asyncio.sleep(EVERY)
                now = await asyncio.to_thread(trainings.live, name)

        return StreamingResponse(events(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def check(request: Request) -> Response:
        script = await body_of(request, LARGEST_SCRIPT)
        language = request.query_params.get("language", "en")
        return answer(await asyncio.to_thread(understanding.read, script, language))

    async def drawn(request: Request) -> Response:
        names, theme = request.query_params.getlist("network"), request.query_params.get("theme", "light")
        found = await asyncio.to_thread(understanding.drawing, names, theme)
        return Response(found, media_type="image/svg+xml")

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async def start() -> None:
            while True:
                await asyncio.to_thread(trainings.start_next)
                await asyncio.sleep(EVERY)

        starting = asyncio.create_task(start())
        try:
            yield
        finally:
            starting.cancel()

    routes = [
        Route("/", page),
        Route("/api/choices", threaded(lambda request: learning.choices())),
        Route("/api/dataset", threaded(look_at)),
        Route("/api/dataset.png", contact),
        Route("/api/trainings", threaded(lambda request: {"trainings": trainings.jobs()})),
        Route("/api/trainings", train, methods=["POST"]),
        Route("/api/trainings/{name}/live", live),
        Route(
            "/api/trainings/{name}/stop",
            threaded(lambda request: trainings.stop(request.path_params["name"])),
            methods=["POST"],
        ),
        Route(
            "/api/trainings/{name}/resume",
            threaded(lambda request: trainings.go_on(request.path_params["name"])),
            methods=["POST"],
        ),
        Route("/api/describe", threaded(lambda request: understanding.as_rows(text(request, "network")))),
        Route("/api/compare", threaded(lambda request: understanding.beside(request.query_params.getlist("network")))),
        Route("/api/diagram.svg", drawn),
        Route("/api/check", check, methods=["POST"]),
        Route("/api/runs/{run}/classify", classify, methods=["POST"]),
        Route("/api/runs/{run}/onnx", onnx),
        Route("/api/runs", listed),
        Route("/api/runs/{run}", threaded(about)),
        Route("/api/runs/{run}/think", think, methods=["POST"]),
        Route("/api/runs/{run}/map", one_map, methods=["POST"]),
        Route("/api/runs/{run}/unit", one_unit, methods=["POST"]),
        Route("/api/runs/{run}/pixels", pixels, methods=["POST"]),
        Route("/api/runs/{run}/dead", threaded(lambda request: thinking.dead_units(opened(request)))),
        Route("/api/runs/{run}/images", threaded(images)),
        Route("/api/runs/{run}/images/{number:int}.png", image),
        Route("/api/runs/{run}/judged", threaded(lambda request: judging.judged(opened(request)))),
        Route("/api/runs/{run}/metrics", threaded(metrics)),
        Route("/api/runs/{run}/compared", threaded(compared)),
        Mount("/assets", StaticFiles(directory=PAGE / "assets", check_dir=False)),
    ]
    handlers: Any = {UserError: _mended, Refused: _refused, HTTPException: _unknown}
    return Guard(Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan), token, hosts)


def answer(facts: Any, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(to_json(facts), status, {"cache-control": "no-store"}, media_type="application/json")


def threaded(work: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
    """Answer with what `work` returns; it works in a thread of its own."""

    async def handle(request: Request) -> Response:
        return answer(await asyncio.to_thread(partial(work, request)))

    return handle


def text(request: Request, key: str) -> str:
    """Return a word of the address. Raises UserError where it is not there."""
    found = request.query_params.get(key)
    if not found:
        raise UserError(f"expected ?{key}= in the address.")
    return found


def whole(request: Request, key: str) -> int | None:
    """Return a whole number of the address; None where it is not there. Raises UserError where it is none."""
    found = request.query_params.get(key)
    if found is None or found == "":
        return None
    if not (found.isascii() and found.isdecimal() and len(found) < 10):
        raise UserError(f"{key}={found[:20]!r}: expected a whole number.")
    return int(found)


async def _mended(request: Request, error: Exception) -> Response:
    return answer({"error": str(error)}, 400)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return answer({"error": str(error)}, error.status)


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answer({"error": "no such address."}, error.status_code)
