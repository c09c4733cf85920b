"""Memory of `alexlab serve` over 100,000 requests: what the process holds after every 10,000, of five kinds in turn.

    apt install hey
    python benchmarks/serving_memory.py [--requests 100000] > benchmarks/serving_memory.md

A LeNet, 40 connections. Every tenth of them is 2,000 requests each of: a form with a digit, a photograph as the body, JSON with base64, a
damaged JPEG, and pixels by the Open Inference Protocol.
"""

import argparse
import base64
import io
import json
import os
import re
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image

import alexlab
from measuring import heading
from serving import ALEXLAB, form, free_port, image_of, started

PARTS = 10
CONNECTIONS = 40  # which divide 2,000, as hey wants it


def kinds() -> dict[str, tuple[str, str, bytes, str]]:
    """Of each kind its address, content type, body, and the status of its answer."""
    digit, kind = image_of("lenet-relu")
    photograph, _ = image_of("alexnet-torchvision")
    larger = io.BytesIO()
    Image.open(io.BytesIO(photograph)).resize((1024, 768)).save(larger, "JPEG", quality=90)
    pixels = np.random.default_rng(0).integers(0, 255, (1, 8, 8, 3), dtype=np.uint8)
    asked = {
        "inputs": [{"name": "pixels", "shape": [1, 8, 8, 3], "datatype": "UINT8", "data": pixels.ravel().tolist()}]
    }
    in_json = json.dumps({"images": [base64.b64encode(digit).decode()] * 4}).encode()
    return {
        "a form with a digit": ("/predict", "multipart/form-data; boundary=boundary", form(digit, kind), "200"),
        "a photograph of 1024x768": ("/predict", "image/jpeg", larger.getvalue(), "200"),
        "four digits in JSON": ("/predict", "application/json", in_json, "200"),
        "a damaged JPEG": ("/predict", "image/jpeg", larger.getvalue()[:3000], "422"),
        "pixels by the protocol": ("/v2/models/run/infer", "application/json", json.dumps(asked).encode(), "200"),
    }


def held(process: int) -> float:
    """Megabytes of a process's memory that are in use: VmRSS."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found
    return int(found[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=100_000)
    asked = parser.parse_args()
    print(heading("Memory of a service", "python benchmarks/serving_memory.py"))
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place) / "run"
        alexlab.train("lenet-relu", "digits", out=folder, epochs=1)
        port = free_port()
        sent = kinds()
        _, _, first, _ = next(iter(sent.values()))
        process, address = started(stack, [*ALEXLAB, str(folder), "--port", str(port)], port, first)
        address = address.removesuffix("/predict")
        each = asked.requests // PARTS // len(sent)
        print("| requests | answered as they should be | memory |\n|---|---|---|")
        print(f"| 1 | 1 | {held(process):.0f} MB |")
        done = right = 0
        for _ in range(PARTS):
            for route, kind, body, status in sent.values():
                file = Path(place) / "body"
                file.write_bytes(body)
                command = [
                    "hey",
                    "-n",
                    str(each),
                    "-c",
                    str(CONNECTIONS),
                    "-t",
                    "60",
                    "-m",
                    "POST",
                    "-T",
                    kind,
                    "-D",
                    str(file),
                ]
                said = subprocess.run([*command, address + route], capture_output=True, text=True, check=True).stdout
                counts = {code: int(count) for code, count in re.findall(r"\[(\d{3})\]\s+(\d+) responses", said)}
                done += each // CONNECTIONS * CONNECTIONS
                right += counts.get(status, 0)
            print(f"| {done:,} | {right:,} | {held(process):.0f} MB |", flush=True)
    print(f"\nIn turn: {', '.join(sent)}; {CONNECTIONS} connections. Load at the end {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()
