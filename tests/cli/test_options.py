"""Numbers on the command line: finite, and within what a machine has."""

import pytest
from click.testing import CliRunner

from alexlab.cli.train import train


@pytest.mark.parametrize(
    "option",
    ["--memory inf", "--memory nan", "--memory 1e400", "--memory 1e300", "--checkpoint-every inf", "--checkpoint-every nan",
     "--wait nan", "--wait inf", "--wait 1e300", "--epochs nan", "--epochs inf", "--epochs 1e400"],
)  # fmt: skip
def test_numbers_that_are_none_are_refused(option: str) -> None:
    done = CliRunner().invoke(train, ["lenet5", "digits", *option.split()])
    assert done.exit_code == 2
    assert option.split()[0] in done.output and ("not a finite number" in done.output or "range" in done.output)
