"""The precision is chosen by what the device multiplies, said, and kept in the run."""

import platform
from pathlib import Path
from typing import Any

import pytest
import torch

from alexlab.errors import UserError
from alexlab.speed.bfloat16 import multiplies_bfloat16
from alexlab.speed.device import choose_precision, enough_memory
from alexlab.training import preparing
from alexlab.training import train as training
from alexlab.training.callbacks import Silent

CPUINFO = Path("/proc/cpuinfo")
CPU = torch.device("cpu")
SHORT: dict[str, Any] = {"network": "lenet-relu", "dataset": "digits", "device": "cpu", "steps": 2, "out": "run"}


class Notes(Silent):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def noted(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize(
    ("wanted", "multiplied", "chosen", "says"),
    [
        ("auto", True, "bfloat16", ""),
        ("auto", False, "float32", "precision auto is float32"),
        ("bfloat16", True, "bfloat16", ""),
        ("bfloat16", False, "bfloat16", "A new run with precision=auto"),
        ("float32", True, "float32", ""),
        ("float32", False, "float32", ""),
    ],
)
def test_what_is_wanted_and_what_there_is(wanted: str, multiplied: bool, chosen: str, says: str) -> None:
    precision, note = choose_precision(wanted, multiplied)
    assert precision == chosen and says in note and bool(says) == bool(note)


@pytest.mark.skipif(platform.machine() != "x86_64" or not CPUINFO.exists(), reason="no list of an x86's instructions")
def test_the_processors_own_list_of_instructions_decides() -> None:
    flags = CPUINFO.read_text().split()
    assert multiplies_bfloat16(CPU) == ("avx512_bf16" in flags or "amx_tile" in flags)


@pytest.mark.parametrize(("here", "kept"), [(True, "bfloat16"), (False, "float32")])
def test_auto_is_resolved_in_the_run(monkeypatch: pytest.MonkeyPatch, here: bool, kept: str) -> None:
    monkeypatch.setattr(preparing, "multiplies_bfloat16", lambda device: here)
    notes = Notes()
    run = training.train(**SHORT, precision="auto", callback=notes)
    assert run.recipe.precision == kept
    assert bool(notes.notes) == (not here)
    assert run.facts["asked"]["precision"] == "auto"  # by which --continue finds it, on any machine


def test_devices_without_such_an_answer_do_not_multiply() -> None:
    assert not multiplies_bfloat16(torch.device("mps"))


def test_memory_that_gives_out_in_torchscript_is_said_by_its_own_words() -> None:
    said = "The following operation failed in the TorchScript interpreter.\nRuntimeError: can't allocate memory: you tried 9 bytes."
    with (
        pytest.raises(UserError, match=r"memory gave out \(RuntimeError: can't allocate memory: you tried 9 bytes"),
        enough_memory(),
    ):
        raise RuntimeError(said)
