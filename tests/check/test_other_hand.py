"""Programs by somebody who had not seen the rules: benchmarks/check/other_hand. What was found wrong with the rules by them is mended."""

from pathlib import Path

import pytest

from alexlab.check import check_script

PROGRAMS = Path(__file__).parents[2] / "benchmarks" / "check" / "other_hand"
MISSED = {
    "b42_cifar_norm_mnist_const": "constants of a dataset with another number of channels",
    "b48_bgr": "a dataset whose transform is an argument",
    "b49_only_fc_opt_relu_last": "layers that no optimiser sees, in a script that might mean it",
    "bad20_lr_range": "a rate that is the default of argparse",
    "n7": "as b49",
}
"""Mistakes that are not found; each of these would be a step forward."""


def rules(program: Path, tmp_path: Path) -> dict[str, str]:
    script = tmp_path / f"{program.stem}.py"
    script.write_text(program.read_text(encoding="utf-8"), encoding="utf-8")
    return {finding.rule: finding.severity for finding in check_script(script).findings}


@pytest.mark.parametrize("program", sorted((PROGRAMS / "good").glob("*.txt")), ids=lambda path: path.stem)
def test_silent_on_programs_without_a_mistake(program: Path, tmp_path: Path) -> None:
    assert set(rules(program, tmp_path).values()) <= {"note"}


@pytest.mark.parametrize("program", sorted((PROGRAMS / "bad").glob("*.txt")), ids=lambda path: path.stem)
def test_a_mistake_is_found(program: Path, tmp_path: Path) -> None:
    assert bool(rules(program, tmp_path)) != (program.stem in MISSED)
