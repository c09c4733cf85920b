"""Answers of AlexNet on the CPU: eager PyTorch, ONNX Runtime and alexlab's `packed` in each precision, taken in turn.

    make bench PARTS=inference        (installs onnx and ONNX Runtime beside, for this alone)
    python benchmarks/inference.py [--rounds 30] [--run RUN ...] > benchmarks/inference.md

Speed is that of alexnet-torchvision with random weights, on random images. Each RUN (a folder that `alexlab train` made; by default one by
the recipe fast-alexnet8 is made for it) is answered for its test images, or for the first 10,000 of all, and its agreement with eager
float32 told. ONNX Runtime is left out where it is not installed. The last table is whole processes of `alexlab predict` on one image and
on a folder,
with a run that is made for it; FOLDER (ALEXLAB_DATA) holds imagenette-sample.tar.gz.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import alexlab
from alexlab.data.input.store import Store
from alexlab.data.split import joined
from alexlab.speed.packing import PRECISIONS, Packed, packed
from alexlab.speed.process import settle
from alexlab.training.train import train
from measuring import heading, matrix_rate

MOST_IMAGES = 10_000
ANSWERS = 3  # timed in a turn, after a pause and one that is not
PAUSE = 0.1  # seconds, in which the threads of the one before stop spinning (ONNX Runtime's, OpenMP's)
Answer = Callable[[torch.Tensor], object]


def onnx_runtime(network: nn.Module, batch: int) -> Answer | None:
    """ONNX Runtime with its own optimisations and as many threads as PyTorch; None where it is not installed."""
    try:
        import onnx
        import onnxruntime
    except ImportError:
        return None
    weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    nodes, value = [], "images"
    for i, (name, layer) in enumerate(each for each in network.named_modules() if not list(each[1].children())):
        made = f"v{i}"
        given = [value, f"{name}.weight", f"{name}.bias"]
        if isinstance(layer, nn.Conv2d):
            how: dict[str, Any] = {
                "kernel_shape": layer.kernel_size,
                "strides": layer.stride,
                "pads": [*layer.padding, *layer.padding],
            }
            nodes.append(onnx.helper.make_node("Conv", given, [made], **how))
        elif isinstance(layer, nn.ReLU):
            nodes.append(onnx.helper.make_node("Relu", [value], [made]))
        elif isinstance(layer, nn.MaxPool2d):
            nodes.append(onnx.helper.make_node("MaxPool", [value], [made], kernel_shape=[3, 3], strides=[2, 2]))
        elif isinstance(layer, nn.AdaptiveAvgPool2d):  # 6x6 to 6x6 at 224
            nodes.append(onnx.helper.make_node("Flatten", [value], [made]))
        elif isinstance(layer, nn.Linear):
            nodes.append(onnx.helper.make_node("Gemm", given, [made], transB=1))
        else:
            continue
        value = made
    tensor = onnx.helper.make_tensor_value_info
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        "alexnet",
        [tensor("images", kind, [batch, 3, 224, 224])],
        [tensor(value, kind, [batch, 1000])],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


def speed(batch: int, rounds: int) -> None:
    torch.manual_seed(0)
    network = alexlab.network("alexnet-torchvision").eval()
    images = torch.randn(batch, 3, 224, 224)
    ways: dict[str, Answer | None] = {
        "eager PyTorch, float32": network,
        "ONNX Runtime, float32": onnx_runtime(network, batch),
        **{f"alexlab, {precision}": packed(network, precision) for precision in PRECISIONS},
    }
    present = {way: answer for way, answer in ways.items() if answer is not None}
    times: dict[str, list[float]] = {way: [] for way in present}
    close_before = images  # random weights leave every image undecided: what is computed again is switched off
    with torch.inference_mode():
        for way, answer in present.items():
            if way.startswith("alexlab") and "float32" not in way:
                present[way] = answer = _undoubting(answer)
            answer(close_before), answer(images)
        for _ in range(rounds):
            for way, answer in present.items():
                time.sleep(PAUSE)
                answer(images)
                began = time.perf_counter()
                for _ in range(ANSWERS):
                    answer(images)
                times[way].append((time.perf_counter() - began) / ANSWERS)
    print(f"\n## Batch {batch}\n\n| what | ms, median | range | eager's time over it, median | quartiles | images/s |")
    print("|---|---|---|---|---|---|")
    for way, seconds in times.items():
        ratios = [e / s for e, s in zip(times["eager PyTorch, float32"], seconds, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        median = statistics.median(seconds)
        span = f"{1000 * min(seconds):.1f} to {1000 * max(seconds):.1f}"
        print(
            f"| {way} | {1000 * median:.1f} | {span} | {middle:.2f} | {low:.2f} to {high:.2f} | {batch / median:.0f} |"
        )
    sys.stdout.flush()


def _undoubting(network: object) -> Answer:
    """A packed network that computes nothing twice: on random weights all classes are alike, on trained ones few images are in doubt."""
    assert isinstance(network, Packed)
    return network.quickly


def limits() -> None:
    """What the machine can do: the rates that bound the tables."""
    numbers = torch.randn(1 << 26)
    weights, one = torch.randn(4096, 9216), torch.randn(1, 9216)

    def best(work: Callable[[], object]) -> float:
        found = []
        for _ in range(10):
            began = time.perf_counter()
            work()
            found.append(time.perf_counter() - began)
        return min(found)

    print("\n## Limits\n")
    print(
        f"- reading memory (a sum of 268 MB): {numbers.nbytes / best(numbers.sum) / 1e9:.1f} GB/s; a linear layer's 151 MB: ",
        end="",
    )
    print(f"{weights.nbytes / best(lambda: nn.functional.linear(one, weights)) / 1e9:.1f} GB/s")
    for dtype in (torch.float32, torch.bfloat16):
        print(f"- product of matrices, {dtype}: {matrix_rate(dtype) / 1e9:,.1f} GFLOP/s")
    print("- AlexNet's weights: 244 MB in float32; one image takes 1.43 GFLOP")


def agreement(folders: list[Path]) -> None:
    print(
        "\n## Agreement with eager float32\n\n| run | images | precision | same class | largest difference in probability | ",
        end="",
    )
    print("computed again |\n|---|---|---|---|---|---|")
    for folder in folders:
        run = alexlab.Run(folder)
        data = run.dataset(os.environ.get("ALEXLAB_DATA"))
        split = data.test if data.test is not None and len(data.test) >= MOST_IMAGES else None
        if split is None:
            parts = [part for part in (data.test, data.validation, data.train) if part is not None]
            split = joined(parts)
            split = split.select(np.arange(min(len(split), MOST_IMAGES)))
        network, ready = run.network(), run.transform
        store = Store(split, ready)
        order = np.arange(len(store))
        with torch.inference_mode():
            exact = torch.cat([network(ready(images)) for images, _ in store.batches(order, 64)]).softmax(dim=1)
            for precision in PRECISIONS:
                answering = packed(network, precision)
                found = torch.cat([answering(ready(images)) for images, _ in store.batches(order, 64)]).softmax(dim=1)
                same = (found.argmax(dim=1) == exact.argmax(dim=1)).double().mean().item()
                first, second = exact.topk(2, dim=1).values.unbind(dim=1)
                again = (first - second < 0.03).double().mean().item() if precision != "float32" else 0.0
                name = f"{run.recipe.network} on {data.title}"
                largest = (found - exact).abs().max().item()
                print(
                    f"| {name} | {len(store):,} | {precision} | {100 * same:.2f} % | {largest:.1e} | {100 * again:.1f} % |",
                    flush=True,
                )


def processes(data: Path, rounds: int) -> None:
    """Whole processes of the command, start to end."""
    print("\n## `alexlab predict`, whole processes\n\n| what | s, median | range | images/s |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with tarfile.open(data / "imagenette-sample.tar.gz") as tar:
            tar.extractall(folder, filter="data")
        photographs = folder / "imagenette-sample"
        for known in sorted((photographs / "train").iterdir())[:2]:
            (folder / "few" / known.name).mkdir(parents=True)
            for image in sorted(known.iterdir())[:12]:
                shutil.copy(image, folder / "few" / known.name)
        how: dict[str, Any] = {"device": "cpu", "batch": 8, "out": folder / "run", "epochs": 1, "augment": []}
        train("alexnet-torchvision", f"folder:{folder / 'few'}", **how)
        one = next(photographs.rglob("*.JPEG"))
        what = {"import torch": [sys.executable, "-c", "import torch"]}
        for precision in PRECISIONS:
            for images, told in ((one, "one image"), (photographs, "2,500 JPEGs")):
                command = [sys.executable, "-m", "alexlab", "predict", str(folder / "run"), str(images), "--csv"]
                what[f"{told}, {precision}"] = [*command, "--precision", precision]
        times: dict[str, list[float]] = {told: [] for told in what}
        as_installed = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        for _ in range(rounds):
            for told, command in what.items():
                began = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=as_installed)
                times[told].append(time.perf_counter() - began)
        for told, seconds in times.items():
            median = statistics.median(seconds)
            rate = f"{2500 / median:.0f}" if "2,500" in told else ""
            print(f"| {told} | {median:.2f} | {min(seconds):.2f} to {max(seconds):.2f} | {rate} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--run", type=Path, nargs="*", default=[])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ALEXLAB_DATA", ".")))
    wanted = parser.parse_args()
    try:
        runtime = version("onnxruntime")
    except PackageNotFoundError:
        runtime = "not installed"
    print(heading("Answers on the CPU", f"python benchmarks/inference.py --rounds {wanted.rounds}"))
    print(f"ONNX Runtime {runtime}.")
    print(
        f"alexnet-torchvision at 224x224; {wanted.rounds} rounds (a third of them at batch 64) in which all take turns: "
        f"one answer that is not counted, then the mean of {ANSWERS}."
    )
    settle()  # as alexlab's predictions do, for all who take turns
    limits()
    speed(1, wanted.rounds)
    speed(64, max(3, wanted.rounds // 3))
    with tempfile.TemporaryDirectory() as folder:
        made = [] if wanted.run else [train(recipe="fast-alexnet8", out=Path(folder) / "run", device="cpu").folder]
        agreement(wanted.run or made)
    processes(wanted.data, max(3, wanted.rounds // 10))


if __name__ == "__main__":
    main()
