"""Weights from elsewhere: what is loaded, what is refused, and what a new head leaves alone."""

import hashlib
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from alexlab.errors import UserError
from alexlab.networks import NETWORKS
from alexlab.networks.building import build
from alexlab.weights.pretrained import (
    freeze_all_but_head,
    head_name,
    load_pretrained,
    read_weights,
    recognised,
    torchvision_file,
)

# torchvision.models.alexnet's state_dict, as its documentation and files have it
TORCHVISION = {
    "features.0.weight": (64, 3, 11, 11), "features.0.bias": (64,),
    "features.3.weight": (192, 64, 5, 5), "features.3.bias": (192,),
    "features.6.weight": (384, 192, 3, 3), "features.6.bias": (384,),
    "features.8.weight": (256, 384, 3, 3), "features.8.bias": (256,),
    "features.10.weight": (256, 256, 3, 3), "features.10.bias": (256,),
    "classifier.1.weight": (4096, 9216), "classifier.1.bias": (4096,),
    "classifier.4.weight": (4096, 4096), "classifier.4.bias": (4096,),
    "classifier.6.weight": (1000, 4096), "classifier.6.bias": (1000,),
}  # fmt: skip

TorchvisionFile = tuple[Path, dict[str, torch.Tensor]]


@pytest.fixture(scope="module")
def torchvision(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TorchvisionFile]:
    """A file in torchvision's format with random weights, and the weights."""
    weights = {
        name: torch.randn(shape, generator=torch.Generator().manual_seed(i))
        for i, (name, shape) in enumerate(TORCHVISION.items())
    }
    folder = tmp_path_factory.mktemp("torchvision")
    path = folder / "part"
    torch.save(weights, path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    path = path.rename(folder / f"alexnet-owt-{digest[:8]}.pth")
    yield path, weights
    path.unlink()


def test_torchvisions_file_comes_in(torchvision: TorchvisionFile) -> None:
    path, weights = torchvision
    network = build("alexnet-torchvision")
    assert load_pretrained(network, path, "alexnet-torchvision") is True
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, weights[name]), name


def test_torchvisions_file_goes_out(tmp_path: Path) -> None:
    network = build("alexnet-torchvision", classes=3)
    name, data = torchvision_file(network)
    assert name == f"alexnet-owt-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    path = tmp_path / name
    try:
        path.write_bytes(data)
        written = torch.load(path, weights_only=True)
        assert {key: tuple(tensor.shape) for key, tensor in written.items()} == TORCHVISION | {
            "classifier.6.weight": (3, 4096),
            "classifier.6.bias": (3,),
        }
        again = build("alexnet-torchvision", classes=3)
        assert load_pretrained(again, path, "alexnet-torchvision")
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    finally:
        path.unlink()
    with pytest.raises(UserError, match="found a Sequential; torchvision's format is for alexnet-torchvision alone"):
        torchvision_file(build("lenet5"))


def test_five_classes_keep_the_head_they_were_built_with(torchvision: TorchvisionFile) -> None:
    path, weights = torchvision
    torch.manual_seed(0)
    network = build("alexnet-torchvision", classes=5)
    head = {name: tensor.clone() for name, tensor in network.state_dict().items() if name.startswith("classifier.6")}
    assert load_pretrained(network, path, "alexnet-torchvision") is False
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, head[name] if name in head else weights[name]), name
    freeze_all_but_head(network)
    assert {n for n, p in network.named_parameters() if p.requires_grad} == {"classifier.6.weight", "classifier.6.bias"}
    network.eval()(torch.randn(2, 3, 224, 224)).sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is not None] == [
        "classifier.6.weight",
        "classifier.6.bias",
    ]


def test_the_hash_in_the_name_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "alexnet-owt-7be5be79.pth"
    torch.save(build("lenet5").state_dict(), path)
    with pytest.raises(UserError, match=r"its SHA-256 begins with [0-9a-f]{8}, its name says 7be5be79"):
        read_weights(path)


@pytest.mark.parametrize("name", ["lenet5", "mlp", "alexnet8"])
def test_a_checkpoint_of_another_network_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "weights.pth"
    torch.save(build(name).state_dict(), path)
    network = build("lenet-relu")
    before = [p.clone() for p in network.parameters()]
    with pytest.raises(UserError, match=rf"not weights of lenet-relu: they are those of {name}\. Use that network"):
        load_pretrained(network, path, "lenet-relu")
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True)), "nothing half-loaded"


def test_every_network_of_the_catalogue_is_recognised() -> None:
    for entry in NETWORKS:
        for classes in (entry.classes, 7):
            with torch.device("meta"):
                weights = build(entry.name, classes).state_dict()
            assert entry.name in recognised(weights)
    with torch.device("meta"):
        assert recognised(build("alexnet-2012").state_dict()) == ["alexnet-paper", "alexnet-2012"]
        assert recognised(nn.Linear(3, 4).state_dict()) == []


def test_weights_of_no_network_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    weights = build("lenet5").state_dict()
    weights["0.weight"] = torch.zeros(7, 1, 5, 5)
    weights["extra"] = torch.zeros(2)
    del weights["3.bias"]
    save_file(weights, path)
    with pytest.raises(UserError) as error:
        load_pretrained(build("lenet5"), path, "lenet5")
    for part in ("3.bias is missing", "extra is not part of it", "0.weight is 7x1x5x5, expected 6x1x5x5"):
        assert part in str(error.value)


def test_values_that_are_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    weights = build("lenet5").state_dict()
    weights["3.bias"][2] = float("nan")
    torch.save(weights, path)
    with pytest.raises(UserError, match=r"3\.bias holds values that are not finite"):
        load_pretrained(build("lenet5"), path, "lenet5")


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('code ran')",)


@pytest.mark.parametrize("legacy", [True, False])
def test_a_pickle_is_refused_and_does_not_run(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"weight": Malicious()}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(UserError, match=r"refused, it wants to load \S*exec.*weights_only=False"):
        read_weights(path)
    path.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(UserError, match=r"weights\.pth: "):
        read_weights(path)


def test_a_whole_network_and_what_holds_no_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(nn.Linear(2, 3), path)
    with pytest.raises(UserError, match=r"wants to load torch\.nn\.modules\.linear\.Linear"):
        read_weights(path)
    torch.save({"epoch": 3, "model": nn.Linear(2, 3)}, path)
    with pytest.raises(UserError, match=r"wants to load torch\.nn\.modules\.linear\.Linear"):
        read_weights(path)
    torch.save({"epoch": 3, "mine": nn.Linear(2, 3).state_dict()}, path)
    with pytest.raises(
        UserError,
        match="found a dictionary of epoch and mine; expected a state_dict.*under state_dict, model_state_dict",
    ):
        read_weights(path)
    torch.save([torch.zeros(2)], path)
    with pytest.raises(UserError, match="found list; expected a state_dict"):
        read_weights(path)


@pytest.mark.parametrize("ending", [".pth", ".pt", ".safetensors", ".caffemodel"])
def test_a_damaged_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"weights{ending}"
    if ending == ".safetensors":
        save_file(build("lenet5").state_dict(), path)
    else:
        torch.save(build("lenet5").state_dict(), path)
    whole = path.read_bytes()
    for data in (b"", b"\x80", b"PK\x03\x04", b"no weights", whole[: len(whole) // 2], whole[:-20]):
        path.write_bytes(data)
        with pytest.raises(UserError, match=r"weights\."):
            read_weights(path)


def test_no_file_and_an_unknown_ending(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such weight file"):
        read_weights(tmp_path / "none.pth")
    (tmp_path / "weights.h5").write_bytes(b"")
    with pytest.raises(
        UserError, match=r"found the ending '\.h5'; expected \.pth, \.pt, .*\.safetensors or \.caffemodel"
    ):
        read_weights(tmp_path / "weights.h5")


def test_a_network_without_a_linear_layer_has_no_head() -> None:
    assert head_name(build("alexnet-2012", classes=5)) == "fc8"
    with pytest.raises(UserError, match="no linear layer"):
        head_name(nn.Conv2d(1, 2, 3))
