"""Which engine answers with less work: eager PyTorch, ONNX Runtime, or alexlab's packed weights, float32, taken in turn.

    OMP_NUM_THREADS=1 python benchmarks/engines.py [--rounds 31] > benchmarks/engines.md

One thread, and the processor's time: what other programs compute meanwhile counts less in it than in a clock's. ONNX Runtime gets the graph
that PyTorch's exporter makes of the network, and optimises it as it does by default.
"""

import argparse
import io
import logging
import time
import warnings
from collections.abc import Callable
from statistics import median, quantiles

import onnxruntime
import torch
from torch import nn

import alexlab
from alexlab.speed.packing import packed
from alexlab.speed.process import settle
from measuring import heading

NETWORKS = {"lenet-relu": (1, 28, 28), "alexnet-torchvision": (3, 224, 224)}
SHORT = 0.02  # seconds that a turn lasts at least
Answer = Callable[[], object]


def by_onnx_runtime(network: nn.Module, images: torch.Tensor) -> Answer:
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch's exporter about itself
        made = torch.onnx.export(network, (images,), dynamo=True, verbose=False)
    assert made is not None
    content.write(made.model_proto.SerializeToString())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(content.getvalue(), options, ["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: images.numpy()}
    return lambda: session.run(None, given)


def turns(ways: dict[str, Answer], rounds: int) -> dict[str, list[float]]:
    """Seconds of the processor for one answer, of each way in each round."""
    times: dict[str, list[float]] = {way: [] for way in ways}
    repeats = {}
    for way, answer in ways.items():
        answer()
        began = time.process_time()
        answer()
        repeats[way] = max(1, int(SHORT / max(time.process_time() - began, 1e-5)))
    for _ in range(rounds):
        for way, answer in ways.items():
            answer()
            began = time.process_time()
            for _ in range(repeats[way]):
                answer()
            times[way].append((time.process_time() - began) / repeats[way])
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    rounds = parser.parse_args().rounds
    settle()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    logging.getLogger("torch").setLevel(logging.CRITICAL)
    print(heading("Engines", f"OMP_NUM_THREADS=1 python benchmarks/engines.py --rounds {rounds}"))
    print(f"ONNX Runtime {onnxruntime.__version__}; a quarter of the rounds at batch 64 of AlexNet.\n")
    print(
        "| network | batch | engine | processor time, ms, median | range | ONNX Runtime's over it, median | quartiles |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, shape in NETWORKS.items():
        for batch in (1, 64):
            network, images = alexlab.network(name).eval(), torch.randn(batch, *shape)
            with torch.inference_mode():
                ready = packed(network)
                ways: dict[str, Answer] = {
                    "eager PyTorch": lambda network=network, images=images: network(images),  # type: ignore[misc]
                    "ONNX Runtime": by_onnx_runtime(network, images),
                    "alexlab": lambda ready=ready, images=images: ready(images),  # type: ignore[misc]
                }
                found = turns(ways, rounds if batch == 1 or name != "alexnet-torchvision" else max(3, rounds // 4))
            for way, seconds in found.items():
                ratios = [theirs / ours for theirs, ours in zip(found["ONNX Runtime"], seconds, strict=True)]
                low, middle, high = quantiles(ratios, n=4)
                print(
                    f"| {name} | {batch} | {way} | {1000 * median(seconds):.2f} | {1000 * min(seconds):.2f} to {1000 * max(seconds):.2f} "
                    f"| {middle:.2f} | {low:.2f} to {high:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
