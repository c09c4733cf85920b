"""Names that are no UTF-8, and names that steer a terminal: used by every command, and shown in one way."""

import csv
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from alexlab import Run
from alexlab.showing import shown
from tests.conftest import write_photographs

GBK = os.fsdecode("数据".encode("gbk"))  # b"\xca\xfd\xbe\xdd"
LATIN = os.fsdecode("für".encode("latin-1"))
BELL = "red\x1b[31m\x07"
pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="its file systems hold UTF-8 alone")
Command = Callable[..., CompletedProcess[str]]


def test_one_way_of_showing() -> None:
    assert shown(GBK) == r"\xca\xfd\xbe\xdd" and shown(LATIN) == r"f\xfcr"
    assert shown(BELL) == r"red\x1b[31m\x07" and shown("数据 für\n") == r"数据 für\x0a"
    assert shown("a\nb\r", keep="\n") == "a\nb\\x0d"


def good(done: CompletedProcess[str], code: int = 0) -> CompletedProcess[str]:
    assert done.returncode == code and "Traceback" not in done.stderr, done.stderr
    assert not any(mark in done.stdout + done.stderr for mark in "\x1b\x07\ud7ff"), ascii(done.stdout)
    (done.stdout + done.stderr).encode()  # of UTF-8
    return done


def test_a_run_so_named_on_images_so_named_is_trained_listed_and_used(alexlab: Command) -> None:
    photographs = write_photographs(Path(GBK), (LATIN, BELL), each=12, size=16)
    image = photographs / LATIN / f"{GBK}.png"
    (photographs / LATIN / "0.png").rename(image)
    run = Path("runs") / GBK
    how = ("--epochs", "1", "--set", "batch=8", "--set", "input=[3,16,16]", "--device", "cpu")
    trained = good(alexlab("train", "lenet-relu", f"folder:{photographs}", *how, "--out", str(run)))
    assert r"runs/\xca\xfd\xbe\xdd" in trained.stdout

    listed = good(alexlab("runs"))
    assert r"runs/\xca\xfd\xbe\xdd" in listed.stdout and "finished" in listed.stdout
    (facts,) = json.loads(good(alexlab("runs", "--json")).stdout)
    assert facts["folder"] == str(run)
    assert r"run runs/\xca\xfd\xbe\xdd: finished, every file as written" in alexlab("doctor").stdout
    good(alexlab("describe", str(run)))
    good(alexlab("evaluate", str(run), "--device", "cpu"))
    assert json.loads(good(alexlab("evaluate", str(run), "--json", "--device", "cpu")).stdout)["images"]
    page = (run / "report.html").read_text(encoding="utf-8")
    assert r"f\xfcr" in page and r"red\x1b[31m\x07" in page

    text = good(alexlab("predict", str(run), str(image), "--device", "cpu")).stdout
    assert r"\xca\xfd\xbe\xdd/f\xfcr/\xca\xfd\xbe\xdd.png" in text
    rows = list(csv.DictReader(io.StringIO(good(alexlab("predict", str(run), str(image), "--csv")).stdout)))
    assert {row["class"] for row in rows} == {shown(LATIN), shown(BELL)}
    answer: dict[str, Any] = json.loads(good(alexlab("predict", str(run), str(image), "--json")).stdout)
    assert answer["path"] == str(image) and {each["class"] for each in answer["top"]} == {LATIN, BELL}
    assert Run(run).classes == tuple(sorted((LATIN, BELL)))

    broken = photographs / f"{LATIN}.png"
    broken.write_bytes(b"no picture")
    assert r"f\xfcr.png" in good(alexlab("predict", str(run), str(broken)), 1).stderr
    assert r"\xca\xfd\xbe\xdd-none" in good(alexlab("predict", f"{run}-none", "x.png"), 2).stderr
