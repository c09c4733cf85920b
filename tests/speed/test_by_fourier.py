"""A training whose convolutions are computed by Fourier transforms: the loop, its evaluations, and going on."""

from pathlib import Path
from typing import Any

import pytest
import torch

from alexlab.speed import fourier
from alexlab.training.train import resume, train
from tests.conftest import write_photographs

pytestmark = pytest.mark.skipif(
    not (hasattr(torch, "_nnpack_available") and torch._nnpack_available()), reason="this PyTorch has no NNPACK"
)


def test_a_run_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fourier, "available", lambda: True)
    monkeypatch.setattr(fourier, "WORTH", 0)  # alexnet8's maps are small
    monkeypatch.setattr(fourier, "MANY", 8)
    calls: list[bool] = []
    convolve = fourier.convolution

    def noted(*given: Any) -> torch.Tensor:
        calls.append(torch.is_inference_mode_enabled())
        return convolve(*given)

    monkeypatch.setattr(fourier, "convolution", noted)
    folder = write_photographs(tmp_path / "photographs", each=40)
    how: dict[str, Any] = {"dataset": f"folder:{folder}", "epochs": 2, "batch": 24, "device": "cpu", "select": "last"}
    whole = train("alexnet8", out="whole", **how)
    assert set(calls) == {True, False}  # in evaluation and in training
    steps = whole.metrics("epoch")[0]["step"] + 1
    stopped = train("alexnet8", out="parts", steps=steps, **how)  # after an evaluation
    again = resume(stopped.folder, device="cpu")
    assert again.weights.read_bytes() == whole.weights.read_bytes()
