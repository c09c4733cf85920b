"""Numbers that a training is called with from Python: each is one that will do, or is refused before anything is made."""

from pathlib import Path
from typing import Any

import pytest

from alexlab.errors import UserError
from alexlab.training import train as training
from alexlab.training.settings import Settings

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    "given",
    [
        *({"steps": value} for value in (0, -1, 1.5, NAN, "3", 10**5000)),
        *({"memory": value} for value in (-1, NAN, INFINITE, "1 GB")),
        *({"checkpoint_every": value} for value in (-1, NAN, INFINITE, "5")),
        *({"wait": value} for value in (0, -1, NAN, INFINITE, None)),
        *({"parallel": value} for value in ("towres", "", None)),
    ],
    ids=lambda given: next(iter(given)),
)
def test_what_will_not_do_is_refused_before_there_is_a_folder(
    given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (name,) = given
    with pytest.raises(UserError, match="strategy" if name == "parallel" else f"{name} = "):
        training.train("lenet-relu", "digits", **given)
    with pytest.raises(UserError, match="strategy" if name == "parallel" else f"{name} = "):
        training.resume("run", **given)
    assert not list(tmp_path.iterdir())


def test_what_will_do_is_taken() -> None:
    import numpy as np

    for given in (
        {"steps": np.int64(3)},
        {"memory": 0},
        {"checkpoint_every": 1e-9},
        {"wait": 1},
        {"parallel": "hybrid"},
    ):
        for name, value in given.items():
            assert getattr(Settings(**given), name) == value
