"""Trainings that the studio starts: what is refused, and what is there after the studio was killed."""

import signal
import subprocess
from pathlib import Path

import pytest

from alexlab.errors import UserError
from alexlab.runs.run import Run
from alexlab.web.studio import learning
from alexlab.web.studio.learning import Trainings
from tests.conftest import write_photographs
from tests.waiting import until

ASKED = {"name": "one", "network": "lenet-relu", "dataset": "digits", "recipe": "quick", "settings": {"epochs": "1"}}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "../one"}, "expected letters"),
        ({"name": ".one"}, "expected letters"),
        ({"network": "own.py:Net"}, "unknown network"),
        ({"recipe": "/etc/passwd.toml"}, "unknown recipe"),
        ({"dataset": "folder:/etc"}, "not below a folder"),
        ({"dataset": "list:/etc/passwd"}, "not below a folder"),
        ({"settings": {"pretrained": "x"}}, "unknown setting"),
        ({"settings": {"epochs": "many"}}, "expected a number"),
        ({"network": ""}, "leaves network and dataset open"),
    ],
)
def test_what_is_not_trained(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Trainings(tmp_path, None).add({**ASKED, **changed})
    assert Trainings(tmp_path, None).jobs() == []


def test_a_folder_below_a_root_is_looked_at_and_a_link_out_of_it_is_not(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", write_photographs(tmp_path / "outside")
    write_photographs(root / "photos")
    (root / "link").symlink_to(outside)
    trainings = Trainings(tmp_path / "runs", None, (root,))
    assert learning.dataset_facts(trainings.look_at(f"folder:{root / 'photos'}"))["classes"][0]["name"] == "blue"
    for name in (root / "link", root / ".." / "outside"):
        with pytest.raises(UserError, match="not below"):
            trainings.look_at(f"folder:{name}")


def test_a_training_outlives_its_studio_and_the_queue_goes_on_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    first = Trainings(tmp_path, None)
    first.add(ASKED)
    first.add({**ASKED, "name": "two"})
    assert [job["state"] for job in first.jobs()][1] == "waiting"
    with pytest.raises(UserError, match="exists already"):
        first.add(ASKED)
    second = Trainings(tmp_path, None)  # beside the first it starts nothing
    assert second._mine() is False
    held, children = first._held, first._children
    assert held is not None
    held.close()  # as the system does for a process that was killed
    assert isinstance(children[0], subprocess.Popen)
    until(lambda: children[0].poll() is not None)

    def both() -> bool:
        second.start_next()
        return [job["state"] for job in second.jobs()] == ["finished", "finished"]

    until(both)
    until(lambda: all(child.poll() is not None for child in second._children))
    assert Run(tmp_path / "two").result["state"] == "finished"
    assert second.live("two")["lines"]
    assert second._held is not None
    second._held.close()


def test_a_training_is_stopped_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    trainings = Trainings(tmp_path, None)
    trainings.add({**ASKED, "settings": {"epochs": "2000"}})
    until(lambda: bool(trainings.live("one")["lines"]))
    trainings.add({**ASKED, "name": "waits"})
    trainings.stop("waits")
    trainings.stop("one")
    until(lambda: trainings.jobs()[0]["state"] == "interrupted")
    trainings.go_on("one")
    until(lambda: trainings.jobs()[0]["state"] == "running")
    child = trainings._children[-1]
    child.send_signal(signal.SIGKILL)
    until(lambda: all(each.poll() is not None for each in trainings._children))
    with pytest.raises(UserError, match="is not being trained"):
        trainings.stop("one")
    assert trainings._held is not None
    trainings._held.close()
