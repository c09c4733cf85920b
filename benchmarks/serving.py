"""Services under load: FastAPI with eager PyTorch in the handler, with ONNX Runtime in the handler, and `alexlab serve`, taken in turn.

    pip install --target .bench/fastapi fastapi python-multipart; apt install wrk
    python benchmarks/serving.py [--rounds 3] [--seconds 5] > benchmarks/serving.md

The load is wrk's, on the same machine: forms with one image. LeNet answers a digit of 28x28 (PNG), AlexNet photographs of 320x240
(JPEG). The weights are those of a few updates on digits: what is measured is speed. The bare engine is what `alexlab serve RUN` asks,
with no HTTP before it, in a process of its own that takes its turn. At 70 % load 64 connections wait for random times (exponential)
between an answer and the next request, so that 70 % of the requests come that were answered at 32 connections.
"""

import argparse
import io
import math
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import urllib3
from PIL import Image

import alexlab
from alexlab.export.exporting import export
from alexlab.speed.process import settle
from alexlab.web.models import RunModel
from measuring import heading

REFERENCE = Path(__file__).parent / "references" / "naive_service.py"
ALEXLAB = (sys.executable, "-m", "alexlab", "serve")
FASTAPI = Path(__file__).parent.parent / ".bench" / "fastapi"
LUA = """
local file = io.open("{body}", "rb")
wrk.method = "POST"
wrk.body = file:read("*all")
wrk.headers["Content-Type"] = "multipart/form-data; boundary=boundary"
done = function(summary, latency, requests)
  io.write(string.format("RESULT %f %f %f %d\\n", summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
"""
WAITING = """
math.randomseed({seed})
delay = function() return math.floor(0.5 - {mean} * math.log(1 - math.random())) end
"""
EAGER, IN_HANDLER = "FastAPI, eager PyTorch in the handler", "FastAPI, ONNX Runtime in the handler"
OURS, OURS_FILE = "alexlab serve RUN", "alexlab serve FILE.onnx"
LOAD = 0.7
LATER = 64  # connections of that load


def image_of(network: str) -> tuple[bytes, str]:
    random, buffer = np.random.default_rng(0), io.BytesIO()
    if network == "lenet-relu":
        Image.fromarray(random.integers(0, 255, (28, 28), dtype=np.uint8)).save(buffer, "PNG")
        return buffer.getvalue(), "png"
    small = Image.fromarray(random.integers(0, 255, (12, 16, 3), dtype=np.uint8))
    small.resize((320, 240), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue(), "jpeg"


def form(image: bytes, kind: str) -> bytes:
    head = f'--boundary\r\nContent-Disposition: form-data; name="image"; filename="a.{kind}"\r\nContent-Type: image/{kind}\r\n\r\n'
    return head.encode() + image + b"\r\n--boundary--\r\n"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def started(stack: ExitStack, command: list[str], port: int, body: bytes) -> tuple[int, str]:
    """Start a service; return its process and its address, once it answers."""
    paths = os.pathsep.join([str(FASTAPI), os.environ.get("PYTHONPATH", "")]) if str(REFERENCE) in command else None
    environment = {**os.environ, **({"PYTHONPATH": paths} if paths else {})}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    stack.callback(process.wait)
    stack.callback(process.kill)
    address = f"http://127.0.0.1:{port}/predict"
    until = time.perf_counter() + 120
    while time.perf_counter() < until:
        try:
            headers = {"content-type": "multipart/form-data; boundary=boundary"}
            found = urllib3.request("POST", address, body=body, headers=headers, retries=False)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.2)
            continue
        if found.status != 200:
            raise SystemExit(f"{command}: {found.status} {found.data[:200]!r}")
        return process.pid, address
    raise SystemExit(f"{command}: does not answer")


@dataclass
class Loaded:
    """What wrk says of one load: requests a second, milliseconds, and how many requests failed."""

    rate: float
    p50: float
    p99: float
    errors: int


@dataclass
class Found:
    """What was measured of one service, a value for each round."""

    one: list[Loaded] = field(default_factory=list)
    many: list[Loaded] = field(default_factory=list)
    most: list[Loaded] = field(default_factory=list)
    part: list[Loaded] = field(default_factory=list)


def load(address: str, script: Path, connections: int, seconds: int) -> Loaded:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script), address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"RESULT (\S+) (\S+) (\S+) (\d+)", said)
    assert found, said
    return Loaded(float(found[1]), float(found[2]), float(found[3]), int(found[4]))


def engine(folder: Path, file: Path) -> None:
    """For each line that comes in: milliseconds of one image alone, and images a second in batches of 64, decoding included."""
    settle()  # as the command does
    model, image = RunModel(folder), file.read_bytes()
    for line in sys.stdin:
        seconds = float(line)
        ones: list[float] = []
        until = time.perf_counter() + seconds
        while time.perf_counter() < until or len(ones) < 5:
            began = time.perf_counter()
            model.probabilities([model.stored(image, "image")])
            ones.append(time.perf_counter() - began)
        count, began = 0, time.perf_counter()
        while time.perf_counter() < began + seconds or count < 128:
            model.probabilities(list(model.pool.map(model.stored, [image] * 64, ["image"] * 64)))
            count += 64
        print(1000 * median(ones), count / (time.perf_counter() - began), flush=True)


def measured(place: Path, stack: ExitStack, network: str, settings: dict[str, Any], rounds: int, seconds: int) -> None:
    """Print the table of one network."""
    folder, file = place / "run", place / "run.onnx"
    run = alexlab.train(network, "digits", out=folder, epochs=0.02, **settings)
    image, kind = image_of(network)
    body = form(image, kind)
    example, script = place / f"example.{kind}", place / "form.lua"
    (place / "body").write_bytes(body)
    example.write_bytes(image)
    script.write_text(LUA.format(body=place / "body"))
    export(run, file, on=example)
    bare = subprocess.Popen(
        [sys.executable, __file__, "--engine", str(folder), str(example)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    stack.callback(bare.wait)
    stack.callback(bare.kill)
    assert bare.stdin and bare.stdout
    commands = {
        EAGER: [sys.executable, str(REFERENCE), str(folder), "torch"],
        IN_HANDLER: [sys.executable, str(REFERENCE), str(file), "onnx"],
        OURS: [*ALEXLAB, str(folder), "--port"],
        OURS_FILE: [*ALEXLAB, str(file), "--port"],
    }
    services = {}
    for name, command in commands.items():
        port = free_port()
        _, services[name] = started(stack, [*command, str(port)], port, body)
    found = {name: Found() for name in services}
    engines: list[tuple[float, float]] = []
    for number in range(rounds):
        bare.stdin.write(f"{seconds / 2}\n")
        bare.stdin.flush()
        alone, rate = map(float, bare.stdout.readline().split())
        engines.append((alone, rate))
        for name, address in services.items():
            each = found[name]
            each.one.append(load(address, script, 1, seconds))
            each.many.append(load(address, script, 32, seconds))
            if name in (OURS, OURS_FILE):
                each.most.append(load(address, script, 128, seconds))
                wanted = LOAD * each.many[-1].rate
                between = max(1000 * LATER / wanted - each.one[-1].p50, 1)
                later = place / "later.lua"
                later.write_text(script.read_text() + WAITING.format(seed=number, mean=between))
                each.part.append(load(address, later, LATER, seconds))
    _table(network, found, engines)


def _table(network: str, found: dict[str, Found], engines: list[tuple[float, float]]) -> None:
    alone, rates = median(each[0] for each in engines), [each[1] for each in engines]
    print(f"## {network}\n")
    print(
        f"The bare engine: {alone:.2f} ms for one image with its decoding, {median(rates):,.0f} images/s ({min(rates):,.0f} to "
        f"{max(rates):,.0f}) in batches of 64. Load of the machine at the end: {os.getloadavg()[0]:.1f}.\n"
    )
    print("| service | one connection: p50 | p99 | 32 connections: requests/s | | p50 | p99 | errors |")
    print("|---|---|---|---|---|---|---|---|")
    for name, each in found.items():
        ratios = [ours.rate / base.rate for ours, base in zip(each.many, found[EAGER].many, strict=True)]
        errors = sum(load.errors for load in (*each.one, *each.many, *each.most, *each.part))
        print(
            f"| {name} | {_middle(each.one, 'p50'):.1f} | {_middle(each.one, 'p99'):.1f} | {_middle(each.many, 'rate'):,.0f} "
            f"({min(load.rate for load in each.many):,.0f} to {max(load.rate for load in each.many):,.0f}) | {median(ratios):.2f} "
            f"| {_middle(each.many, 'p50'):.1f} | {_middle(each.many, 'p99'):.1f} | {errors} |"
        )
    print(
        "\n| service | 128 connections: requests/s | of the engine's rate | at 70 % load: requests/s | p50 | p99 | p99 over p50 |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in (OURS, OURS_FILE):
        each = found[name]
        shares = [load.rate / engine[1] for load, engine in zip(each.most, engines, strict=True)]
        tails = [
            load.p99 / load.p50 if load.p50 else math.inf for load in each.part
        ]  # 0 where nothing was answered in time
        of_engine = f"{100 * median(shares):.0f} % ({100 * min(shares):.0f} to {100 * max(shares):.0f})"
        print(
            f"| {name} | {_middle(each.most, 'rate'):,.0f} | {of_engine} | {_middle(each.part, 'rate'):,.0f} "
            f"| {_middle(each.part, 'p50'):.1f} | {_middle(each.part, 'p99'):.1f} "
            f"| {median(tails):.1f} ({min(tails):.1f} to {max(tails):.1f}) |"
        )
    print(flush=True)


def _middle(loads: list[Loaded], what: str) -> float:
    found: float = median(getattr(each, what) for each in loads)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--engine", type=Path, nargs=2)
    asked = parser.parse_args()
    if asked.engine:
        engine(*asked.engine)
        return
    print(
        heading(
            "Services under load", f"python benchmarks/serving.py --rounds {asked.rounds} --seconds {asked.seconds}"
        )
    )
    print(
        f"Medians of {asked.rounds} rounds (lowest to highest) in which all take turns, {asked.seconds} s for each load. Times are "
        "milliseconds; the requests/s are also given as multiples of the first service's.\n"
    )
    for network, settings in (
        ("lenet-relu", {}),
        ("alexnet-torchvision", {"input": (3, 224, 224), "batch": 4}),
    ):
        with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
            measured(Path(place), stack, network, dict(settings), asked.rounds, asked.seconds)


if __name__ == "__main__":
    main()
