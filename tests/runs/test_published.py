"""Weights from elsewhere become runs, and runs weights for elsewhere. Random weights in the published formats."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alexlab.data.catalogue import File
from alexlab.data.sources.ilsvrc import class_names
from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.runs import published as weights
from alexlab.runs.run import Run
from alexlab.training.train import train
from alexlab.weights.pretrained import load_pretrained, torchvision_file
from alexlab.weights.published import PUBLISHED
from alexlab.weights.tensors import save_tensors
from tests.conftest import write_photographs
from tests.weights import caffe_files

CAFFE = {
    "conv1": (96, 3, 11, 11), "conv2": (256, 48, 5, 5), "conv3": (384, 256, 3, 3), "conv4": (384, 192, 3, 3),
    "conv5": (256, 192, 3, 3), "fc6": (4096, 9216), "fc7": (4096, 4096), "fc8": (1000, 4096),
}  # fmt: skip


@pytest.fixture(scope="module")
def caffe_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as Caffe's authors distribute it."""
    random = np.random.default_rng(5)
    weights: dict[str, tuple[caffe_files.Array, ...]] = {
        name: (
            0.02 * random.standard_normal(shape, dtype=np.float32),
            random.standard_normal(shape[0], dtype=np.float32),
        )
        for name, shape in CAFFE.items()
    }
    path = tmp_path_factory.mktemp("caffe") / "bvlc_alexnet.caffemodel"
    path.write_bytes(caffe_files.caffemodel(weights))
    return path


def write_mean(path: Path, mean_BGR: np.ndarray) -> None:
    path.write_bytes(caffe_files.blob(mean_BGR[None]).SerializeToString())


@pytest.fixture(scope="module")
def torchvision_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as torchvision distributes it, its hash in its name."""
    torch.manual_seed(3)
    name, data = torchvision_file(build("alexnet-torchvision"))
    path = tmp_path_factory.mktemp("weights") / name
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def opened(torchvision_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return weights.run_from_weights(torchvision_weights, tmp_path_factory.mktemp("runs") / "run")


def photograph() -> Image.Image:
    """A square one: of others the centre is cut out before the scaling here, after it there."""
    rows, columns = np.mgrid[0:300, 0:300]
    return Image.fromarray(np.stack([rows % 256, columns % 256, (rows + columns) % 256], axis=2).astype(np.uint8))


def test_a_run_of_torchvisions_weights_predicts_as_torchvision_does(torchvision_weights: Path, opened: Run) -> None:
    """Against torchvision's published transform, written out: shorter side 256, centre 224, mean and deviation."""
    network = build("alexnet-torchvision")
    network.load_state_dict(torch.load(torchvision_weights, weights_only=True))
    picture = photograph()
    small = picture.resize((256, 256), Image.Resampling.BILINEAR).crop((16, 16, 240, 240))
    pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1) / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.inference_mode():
        expected = network.eval()(((pixels - mean[:, None, None]) / std[:, None, None])[None]).softmax(1)[0]
    found = dict(opened.predict(picture, top=1000).top)
    assert len(found) == 1000
    for i, name in enumerate(class_names().values()):
        assert found[name] == pytest.approx(expected[i].item(), rel=1e-4)


def test_a_run_of_weights_knows_what_it_lacks(opened: Run) -> None:
    with pytest.raises(UserError, match="held out no images; say which with --on"):
        opened.evaluate()


def test_export_gives_back_the_file(torchvision_weights: Path, opened: Run, tmp_path: Path) -> None:
    path = weights.export(opened, tmp_path)
    before, after = (torch.load(each, weights_only=True) for each in (torchvision_weights, path))
    assert list(before) == list(after) and all(torch.equal(before[name], after[name]) for name in before)
    assert hashlib.sha256(path.read_bytes()).hexdigest().startswith(path.stem.rpartition("-")[2])
    with pytest.raises(UserError, match="exists already"):
        weights.export(opened, tmp_path)


def test_caffes_weights_with_their_mean_image(caffe_weights: Path, tmp_path: Path) -> None:
    """A picture equal to the mean image is a picture of zeros to the network: all that is left is its biases."""
    mean = np.random.default_rng(0).integers(0, 256, (3, 256, 256))  # blue, green, red
    write_mean(tmp_path / "mean.binaryproto", mean.astype(np.float32))
    run = weights.run_from_weights(caffe_weights, tmp_path / "run", tmp_path / "mean.binaryproto")
    picture = Image.fromarray(np.ascontiguousarray(mean[::-1].transpose(1, 2, 0)).astype(np.uint8))
    with torch.inference_mode():
        expected = run.network()(torch.zeros(1, 3, 227, 227)).softmax(1)[0]
    ((name, probability),) = run.predict(picture, top=1).top
    assert probability == pytest.approx(expected.max().item(), rel=1e-4)
    assert name == list(class_names().values())[int(expected.argmax())]


def test_what_does_not_fit_leaves_nothing(torchvision_weights: Path, caffe_weights: Path, tmp_path: Path) -> None:
    write_mean(tmp_path / "mean.binaryproto", np.zeros((3, 128, 128), dtype=np.float32))
    (tmp_path / "names.txt").write_text("a\nb\n")
    os.mkfifo(tmp_path / "pipe")  # which nobody writes to
    torch.save(build("lenet5").state_dict(), tmp_path / "lenet.pth")
    cases: list[tuple[Path, Path | None, Path | None, str]] = [
        (tmp_path / "lenet.pth", None, None, "these are weights of lenet5"),
        (torchvision_weights, tmp_path / "mean.binaryproto", None, "belongs to alexnet-caffe"),
        (
            caffe_weights,
            tmp_path / "mean.binaryproto",
            None,
            "found a mean of .*expected 3x256x256",
        ),
        (torchvision_weights, None, tmp_path / "names.txt", "found 2 different names; .* 1,000 classes"),
        (torchvision_weights, None, tmp_path / "pipe", "found a named pipe"),
        (caffe_weights, tmp_path / "pipe", None, "found a named pipe"),
    ]
    for file, mean, names, message in cases:
        with pytest.raises(UserError, match=message):
            weights.run_from_weights(file, tmp_path / "run", mean, names)
        assert not (tmp_path / "run").exists()


def test_pretrained_weights_are_shown_images_as_they_were_trained(
    torchvision_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by the dataset's mean and deviation; what the user says stands."""
    monkeypatch.chdir(tmp_path)
    digest = hashlib.sha256(torchvision_weights.read_bytes()).hexdigest()
    file = File(torchvision_weights.name, None, f"sha256:{digest[:8]}", "http://127.0.0.1:9/")
    monkeypatch.setitem(PUBLISHED, "torchvision", file)
    write_photographs(Path("photos"), each=6)
    how: dict[str, Any] = {
        "network": "alexnet-torchvision",
        "dataset": "folder:photos",
        "pretrained": str(torchvision_weights),
    }
    how |= {"freeze": True, "steps": 1, "batch": 4, "device": "cpu"}
    recipe = train(**how, out="one").recipe
    assert recipe.mean == (0.485, 0.456, 0.406) and recipe.std == (0.229, 0.224, 0.225)
    assert (recipe.store, recipe.view, recipe.fit) == ((3, 256, 256), "centre", "shorter-side")
    assert train(**how, out="two", mean=[0.5], std=[0.5]).recipe.mean == (0.5,)


def test_a_runs_file_says_which_of_the_twins_it_is(tmp_path: Path) -> None:
    """alexnet-paper and alexnet-2012 have the same names and shapes."""
    network = build("alexnet-paper", 2)
    facts = {"format": 1, "network": "alexnet-paper", "step": 3}
    save_tensors(tmp_path / "last.safetensors", network.state_dict(), facts)
    load_pretrained(network, tmp_path / "last.safetensors", "alexnet-paper")
    with pytest.raises(UserError, match="weights of alexnet-paper, as the file itself says, not of alexnet-2012"):
        load_pretrained(build("alexnet-2012", 2), tmp_path / "last.safetensors", "alexnet-2012")
