"""Services under load: FastAPI with eager PyTorch in the handler, with ONNX Runtime in the handler, and `alexlab serve`, taken in turn.

    pip install --target .bench/fastapi fastapi python-multipart; apt install wrk
    python benchmarks/serving.py [--rounds 3] [--seconds 8] > benchmarks/serving.md

The load is wrk's, on the same machine: forms with one image. LeNet answers a digit of 28x28 (PNG), AlexNet photographs of 320x240
(JPEG). The weights are those of one epoch on digits: what is measured is speed. The bare engine is what `alexlab serve RUN` asks, with
no HTTP before it.
"""

import argparse
import io
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import urllib3
from PIL import Image

import alexlab
from alexlab.export.exporting import export
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


def load(address: str, script: Path, connections: int, seconds: int) -> tuple[float, float, float, int]:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script), address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"RESULT (\S+) (\S+) (\S+) (\d+)", said)
    assert found, said
    return float(found[1]), float(found[2]), float(found[3]), int(found[4])


def engine_rates(folder: Path, image: bytes) -> tuple[float, float]:
    """Milliseconds of one image alone, and images a second in batches of 64 with their decoding, of the bare engine."""
    model = RunModel(folder)
    ones: list[float] = []
    for _ in range(60):
        began = time.perf_counter()
        model.probabilities([model.stored(image, "image")])
        ones.append(time.perf_counter() - began)
    rates = []
    for _ in range(5):
        began = time.perf_counter()
        model.probabilities(list(model.pool.map(model.stored, [image] * 64, ["image"] * 64)))
        rates.append(64 / (time.perf_counter() - began))
    return 1000 * median(ones[10:]), median(rates)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8)
    asked = parser.parse_args()
    print(heading("Services under load", "python benchmarks/serving.py"))
    print(
        f"Median of {asked.rounds} rounds of {asked.seconds} s each (lowest to highest), all services in turn. Times are milliseconds.\n"
    )
    for network, dataset, settings in (
        ("lenet-relu", "digits", {}),
        ("alexnet-torchvision", "digits", {"input": (3, 224, 224), "batch": 4}),
    ):
        with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
            folder = Path(place) / "run"
            values: dict[str, Any] = dict(settings)
            run = alexlab.train(network, dataset, out=folder, steps=1, epochs=1, **values)
            if not (folder / "last.safetensors").exists():
                run = alexlab.train(network, dataset, out=Path(place) / "whole", epochs=1, **values)
                folder = Path(place) / "whole"
            image, kind = image_of(network)
            body = form(image, kind)
            (Path(place) / "body").write_bytes(body)
            script = Path(place) / "form.lua"
            script.write_text(LUA.format(body=Path(place) / "body"))
            file = Path(place) / "run.onnx"
            example = Path(place) / f"example.{kind}"
            example.write_bytes(image)
            export(run, file, on=example)
            commands = {
                "FastAPI, eager PyTorch in the handler": [sys.executable, str(REFERENCE), str(folder), "torch"],
                "FastAPI, ONNX Runtime in the handler": [sys.executable, str(REFERENCE), str(file), "onnx"],
                "alexlab serve RUN": [*ALEXLAB, str(folder), "--port"],
                "alexlab serve FILE.onnx": [*ALEXLAB, str(file), "--port"],
            }
            services = {}
            for name, command in commands.items():
                port = free_port()
                _, services[name] = started(stack, [*command, str(port)], port, body)
            found: dict[str, list[tuple[float, ...]]] = {name: [] for name in services}
            for _ in range(asked.rounds):
                for name, address in services.items():
                    one = load(address, script, 1, asked.seconds)
                    many = load(address, script, 32, asked.seconds)
                    found[name].append((one[1], one[2], many[0], many[1], many[2], one[3] + many[3]))
            stack.close()
            alone, rate = engine_rates(folder, image)
        print(f"## {network}\n")
        print(
            f"The bare engine: {alone:.2f} ms for one image with its decoding, {rate:,.0f} images/s in batches of 64.\n"
        )
        print("| service | one connection: p50 | p99 | 32 connections: requests/s | | p50 | p99 | errors |")
        print("|---|---|---|---|---|---|---|---|")
        base = median(each[2] for each in found["FastAPI, eager PyTorch in the handler"])
        for name, rounds in found.items():
            middle = [median(each[i] for each in rounds) for i in range(5)]
            low, high = min(each[2] for each in rounds), max(each[2] for each in rounds)
            errors = sum(int(each[5]) for each in rounds)
            print(
                f"| {name} | {middle[0]:.1f} | {middle[1]:.1f} | {middle[2]:,.0f} ({low:,.0f} to {high:,.0f}) "
                f"| {middle[2] / base:.2f} | {middle[3]:.1f} | {middle[4]:.1f} | {errors} |"
            )
        print()


if __name__ == "__main__":
    main()
