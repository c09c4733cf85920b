"""Figures as a person reads them."""

import re
import subprocess
from collections.abc import Callable

import pytest

from alexlab.showing import short


@pytest.mark.parametrize(
    ("number", "text"), [(0.20023696682464456, "0.2"), (12.3456, "12.346"), (90, "90"), (123456.0, "123456")]
)
def test_numbers_of_epochs_are_short(number: float, text: str) -> None:
    assert short(number) == text


def test_an_epoch_that_did_not_end_is_said_in_short(alexlab: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    made = alexlab("train", "lenet-relu", "digits", "--epochs", "0.2", "--set", "batch=47", "--out", "run")
    (line,) = re.findall(r"^epoch (\S+): training loss", made.stderr, re.MULTILINE)
    assert re.fullmatch(r"0\.\d{1,3}", line), made.stderr
