"""A look inside: what is drawn is what the network has, against explicit arithmetic; the command on a real run."""

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from alexlab import api
from alexlab.cli.look import look as command
from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.networks.catalogue import NETWORKS
from alexlab.report.inside import answers, convolutions, first_filters, last_hidden, nearest
from alexlab.report.look import look
from alexlab.runs.run import Run


def test_answers_are_taken_before_a_relu_works_in_place() -> None:
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(48, 2))
    image = torch.randn(2, 1, 6, 6)
    made = answers(network, ["0", "1"], image)
    expected = network[0](image).detach()
    assert torch.equal(made["0"], expected) and made["0"].min() < 0
    assert torch.equal(made["1"], expected.relu())
    with pytest.raises(UserError, match="layer '7'"):
        answers(network, ["7"], image)


def test_the_last_hidden_layer_is_what_the_head_reads() -> None:
    network = build("lenet5").eval()
    image = torch.randn(3, 1, 28, 28)
    hidden = last_hidden(network, image)
    head = [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1]
    with torch.no_grad():
        assert torch.allclose(head(hidden), network(image), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 30), st.integers(1, 8), st.integers(1, 7))
def test_nearest_is_that_of_all_distances_sorted(seed: int, queries: int, count: int, units: int, batch: int) -> None:
    random = np.random.default_rng(seed)
    wanted, vectors = random.integers(-3, 4, (queries, units)), random.integers(-3, 4, (count, units))  # with ties
    parts = torch.from_numpy(vectors).float().split(batch)
    found = nearest(torch.from_numpy(wanted).float(), parts, 5)
    squares = ((wanted[:, None] - vectors[None]) ** 2).sum(axis=2)
    order = np.argsort(squares, axis=1, kind="stable")[:, :5]
    assert np.array_equal(found.indices_QK.numpy(), order)
    assert np.allclose(found.distances_QK.numpy() ** 2, np.take_along_axis(squares, order, axis=1))


@pytest.mark.parametrize("name", [entry.name for entry in NETWORKS])
def test_the_first_filters_of_every_network(name: str) -> None:
    with torch.device("meta"):
        network = build(name)
    first = {
        "mlp": None,
        "alexnet-paper": (96, 3, 11, 11),
        "alexnet-2012": (96, 3, 11, 11),
        "alexnet-torchvision": (64, 3, 11, 11),
    }
    channels = next(entry.input[0] for entry in NETWORKS if entry.name == name)
    if name in first:
        kinds = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.in_channels == channels]
        found = None if not kinds else (sum(m.out_channels for m in kinds), *kinds[0].weight.shape[1:])
        assert found == first[name]
    assert bool(convolutions(network)) == (name != "mlp")


def test_two_towers_follow_each_other() -> None:
    network = build("alexnet-2012", 3)
    filters = first_filters(network, 3)
    assert filters is not None and filters.shape == (96, 3, 11, 11)
    weights = network.state_dict()
    assert torch.equal(filters[:48], weights["a.conv1.weight"]) and torch.equal(filters[48:], weights["b.conv1.weight"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return api.train("lenet-relu", "digits", epochs=1, out=tmp_path_factory.mktemp("look") / "run", device="cpu")


def test_the_command_writes_pictures_and_a_page(run: Run, tmp_path: Path) -> None:
    done = CliRunner().invoke(command, [str(run.folder)])
    assert done.exit_code == 0, done.output
    written = {Path(line).name for line in done.output.split()}
    assert {"filters.png", "answers.png", "alike.png", "look.html"} <= written
    page = (run.folder / "look" / "look.html").read_text()
    assert page.count("data:image/png;base64,") == len(written) - 1 and "<script" not in page
    for name in written - {"look.html"}:
        with Image.open(run.folder / "look" / name) as picture:
            assert np.asarray(picture.convert("L")).std() > 1  # something is drawn
    again = CliRunner().invoke(command, [str(run.folder), "--out", str(tmp_path / "again")])
    assert again.exit_code == 0
    for name in ("alike.png", "answers.png"):
        assert (tmp_path / "again" / name).read_bytes() == (run.folder / "look" / name).read_bytes()


def test_a_users_own_image_and_layer(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (20, 30), "white").save(tmp_path / "mine.png")
    layer = convolutions(run.network())[-1]
    page = look(run, [tmp_path / "mine.png"], [layer], tmp_path / "out", device="cpu")
    assert [p.name for p in page.parent.glob("maps-*")] == [f"maps-{layer}.png"]


def test_what_cannot_be_looked_at_is_said_before_anything_is_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "no.png").write_text("no image")
    with pytest.raises(UserError, match=r"no\.png: not an image"):
        look(run, [tmp_path / "no.png"], out=tmp_path / "out", device="cpu")
    with pytest.raises(UserError, match="layer 'convX'"):
        look(run, layers=["convX"], out=tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()
