"""How soon the studio answers a stroke, in a real browser, and its pictures for the README.

    python studio.py RUNS_FOLDER RUN...                     the table of studio.md
    python studio.py RUNS_FOLDER RUN --pictures FOLDER      the pictures, of the first run

From a pointer's event to the frame with the bars: the drawing as a PNG, its way to the server, the network with all its maps, the
way back, and the page. It takes playwright and Debian's chromium.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

STROKES = 25
SEVEN = [(0.3, 0.25), (0.4, 0.22), (0.6, 0.22), (0.7, 0.25), (0.62, 0.4), (0.55, 0.55), (0.5, 0.7), (0.45, 0.85)]


@contextmanager
def studio(runs: Path) -> Iterator[str]:
    """A studio in a process of its own."""
    command = [sys.executable, "-m", "alexlab", "studio", str(runs), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.match(r"http://[^/]+", process.stdout.readline())
    assert found
    try:
        yield found[0].replace("localhost", "127.0.0.1")
    finally:
        process.terminate()
        process.wait()


def draw(page: Any, steps: int = 4) -> None:
    """Draw a seven."""
    board = page.get_by_role("application")
    board.wait_for()
    box = board.bounding_box()
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in SEVEN]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=steps)
    page.mouse.up()
    page.locator(".bars tr").first.wait_for()


def latencies(page: Any, address: str, run: str) -> tuple[float, list[float]]:
    """Seconds to the first view, and milliseconds from stroke to bars, one stroke at a time."""
    page.goto("about:blank")
    page.goto(f"{address}/#/think/{run}")
    page.get_by_role("application").wait_for()
    first = page.evaluate("performance.now()")
    draw(page)
    page.wait_for_timeout(1000)
    page.evaluate("window.strokes.length = 0")
    box = page.get_by_role("application").bounding_box()
    for i in range(STROKES):
        page.mouse.move(box["x"] + 40 + 2 * i, box["y"] + 40 + 2 * i)
        page.mouse.down()
        page.mouse.up()
        while page.evaluate("window.strokes.length") <= i:  # its policy lets nothing be evaluated within the page
            page.wait_for_timeout(10)
    return first, page.evaluate("window.strokes")


def pictures(page: Any, address: str, run: str, folder: Path) -> None:
    """Write every view as a PNG."""
    page.goto(f"{address}/#/think/{run}")
    draw(page)
    page.wait_for_timeout(500)
    page.locator("button.maps").nth(1).click()
    page.get_by_test_id("own").wait_for()
    page.get_by_label("Row").fill("12")
    page.get_by_label("Column").fill("12")
    page.wait_for_timeout(800)
    page.screenshot(path=folder / "studio-unit.png")
    page.get_by_role("button", name="Close").click()
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(300)
    page.screenshot(path=folder / "studio.png")
    for view, wanted in (
        ("judge", "table.confusion"),
        ("learn", "form"),
        ("use", ".drop"),
        ("understand", ".described"),
    ):
        page.goto(f"{address}/#/{view}/{run}")
        page.locator(wanted).wait_for()
        page.wait_for_timeout(1500)
        page.screenshot(path=folder / f"studio-{view}.png")


def main() -> None:
    """Measure, or draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    with studio(given.folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1240}, locale="en-GB")
        if given.pictures:
            pictures(page, address, given.runs[0], given.pictures)
        else:
            print(
                "| run | first view, ms | stroke to bars, ms: median | nine of ten below | strokes |\n|---|---|---|---|---|"
            )
            for run in given.runs:
                first, found = latencies(page, address, run)
                median, most = np.percentile(found, (50, 90))
                print(f"| {run} | {first:.0f} | {median:.0f} | {most:.0f} | {len(found)} |")
        browser.close()


if __name__ == "__main__":
    main()
