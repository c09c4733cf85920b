"""What the tests of the studio do with a page. A message on the console, or a request to anywhere else, fails the test."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

AXE = Path(__file__).parents[3] / "studio" / "node_modules" / "axe-core" / "axe.min.js"


@dataclass(frozen=True)
class Process:
    """A studio that runs: its address, what follows it, and connections to it."""

    address: str
    tail: str
    pool: urllib3.PoolManager

    def ask(self, path: str, method: str = "GET", **how: Any) -> urllib3.BaseHTTPResponse:
        return self.pool.request(method, self.address + path, **how)

    def json(self, path: str, method: str = "GET", **how: Any) -> Any:
        answer = self.ask(path, method, **how)
        assert answer.status == 200, answer.data
        return json.loads(answer.data)


class Browser:
    """A page of the studio."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.refused = False  # whether the test asks for what is refused, which a browser says on its console

    def open(self, view: str) -> None:
        self.page.goto(f"{self.address}/#/{view}")
        self.page.locator("main h2, main fieldset, main select, main p").first.wait_for()

    def draw_a_seven(self) -> None:
        board = self.page.get_by_role("application")
        board.wait_for()
        box = board.bounding_box()
        points = [(0.3, 0.25), (0.7, 0.25), (0.6, 0.5), (0.45, 0.85)]
        places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=3)
        self.page.mouse.up()
        self.page.locator(".bars tr").first.wait_for()

    def violations(self) -> list[str]:
        """What axe-core finds that is serious."""
        if "axe" not in self.page.evaluate("Object.keys(window)"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]

    def too_wide(self) -> list[str]:
        """What makes the page wider than its window."""
        found: list[str] = self.page.evaluate(
            "document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('main *, header *')]"
            ".filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest('.scroll')).map(e => e.outerHTML.slice(0, 80))"
        )
        return found


@contextmanager
def look(chromium: Any, studio: Process, width: int = 1280, height: int = 900, **how: Any) -> Iterator[Browser]:
    settings = {"locale": "en-GB", "reduced_motion": "reduce"} | how
    context = chromium.new_context(viewport={"width": width, "height": height}, **settings)
    page = context.new_page()
    page.set_default_timeout(30_000)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    address = studio.address
    own = ("data:", f"blob:{address}/", f"{address}/")
    page.on("request", lambda request: None if request.url.startswith(own) else said.append(request.url))
    shown = Browser(page, address)
    yield shown
    context.close()
    assert [each for each in said if not (shown.refused and "status of 400" in each)] == []
