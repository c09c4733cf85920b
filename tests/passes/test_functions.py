"""The one table of PyTorch's functions against PyTorch's own signatures; who reads a script imports none of it."""

import inspect
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from alexlab.passes.functions import ARGUMENTS, functions_of, named_arguments, operation, parameters

WITH_SIGNATURE = [
    name for name in ARGUMENTS
    if inspect.isfunction(getattr(F, name, None)) and not hasattr(getattr(F, name), "__wrapped__")
    and "args" not in inspect.signature(getattr(F, name)).parameters and name != "unfold"
]  # fmt: skip
"""Without `unfold`, by which the table means the tensor's method."""


@pytest.mark.parametrize("name", WITH_SIGNATURE)
def test_arguments_are_named_as_pytorch_names_them(name: str) -> None:
    theirs = [each for each in inspect.signature(getattr(F, name)).parameters if not each.startswith("_")]
    assert theirs[: len(ARGUMENTS[name])] == list(ARGUMENTS[name])


@pytest.mark.parametrize("name", [f"max_pool{d}d" for d in (1, 2, 3)])
def test_the_poolings_whose_signature_pytorch_hides(name: str) -> None:
    dimensions = int(name[-2])
    images = torch.arange(7.0**dimensions).reshape(1, 1, *[7] * dimensions)
    given = (images, 2, 2, 0, 1, True)
    named = named_arguments(name, given, {})
    assert named["ceil_mode"] is True and "return_indices" not in named
    assert getattr(F, name)(*given).shape == getattr(F, name)(**named).shape == (1, 1, *[4] * dimensions)


def test_functions_of_an_operation() -> None:
    assert [operation(name) for name in ("conv2d", "relu_", "__getitem__", "__radd__", "concat", "T", "conv_transpose2d")] == [
        "conv", "relu", "getitem", "radd", "cat", "t", "conv_transpose2d",
    ]  # fmt: skip
    assert set(functions_of("conv")) == {"conv1d", "conv2d", "conv3d"}
    assert parameters("concat") == ("dim",) and parameters("nothing_of_that_name") == ()


def test_reading_a_script_needs_no_pytorch() -> None:
    program = (
        "import sys, alexlab.passes.functions, alexlab.passes.target, alexlab.networks.windows\n"
        "import alexlab.check.targets, alexlab.check.reading.script, alexlab.check.rules\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=240).returncode == 0
