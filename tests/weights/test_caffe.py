"""Caffe's weight and mean files: converted exactly, and refused with a reason."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch

from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.weights import caffe
from alexlab.weights.caffe import read_caffemodel, read_mean
from alexlab.weights.pretrained import load_pretrained
from tests.networks import reference_2012 as reference
from tests.weights import caffe_files
from tests.weights.caffe_files import Array

SMALL = {"conv1": (4, 3, 2, 2), "conv2": (6, 2, 2, 2), "fc8": (0, 5)}
MODEL = {"conv1": ("data",), "norm1": (), "pool1": (), "conv2": ("data",), "fc8": ("data",)}


def small_weights(seed: int = 0) -> dict[str, tuple[Array, ...]]:
    random = np.random.default_rng(seed)
    shapes = {"conv1": (4, 3, 2, 2), "conv2": (6, 2, 2, 2), "fc8": (7, 5)}
    weights = {name: (random.normal(size=s), random.normal(size=s[0])) for name, s in shapes.items()}
    return {"conv1": weights["conv1"], "norm1": (), "pool1": (), "conv2": weights["conv2"], "fc8": weights["fc8"]}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caffe, "LAYERS", SMALL)


@pytest.mark.parametrize("old", [False, True])
def test_every_number_arrives_and_conv1_reads_rgb(small: None, tmp_path: Path, old: bool) -> None:
    path = tmp_path / "small.caffemodel"
    weights = small_weights()
    path.write_bytes(caffe_files.caffemodel(weights, old))
    found = read_caffemodel(path)
    assert list(found) == [f"{layer}.{kind}" for layer in SMALL for kind in ("weight", "bias")]
    for layer in SMALL:
        weight, bias = (torch.from_numpy(value.astype(np.float32)) for value in weights[layer])
        expected = weight[:, [2, 1, 0]] if layer == "conv1" else weight
        assert torch.equal(found[f"{layer}.weight"], expected)
        assert torch.equal(found[f"{layer}.bias"], bias)


def test_floats_as_the_schema_declares_them_and_doubles() -> None:
    values = np.random.default_rng(1).normal(size=(2, 3)).astype(np.float32)
    message = caffe_files.MESSAGES["FloatBlob"](data=values.ravel().tolist())
    message.shape.dim.extend(values.shape)
    assert torch.equal(caffe._blob(memoryview(message.SerializeToString())), torch.from_numpy(values))
    message = caffe_files.MESSAGES["BlobProto"](double_data=values.ravel().tolist())
    message.shape.dim.extend(values.shape)
    assert torch.equal(caffe._blob(memoryview(message.SerializeToString())), torch.from_numpy(values))


def caffe_logits(weights: dict[str, tuple[Array, ...]], bgr: Array) -> Array:
    """train_val.prototxt in the reference's arithmetic: groups by hand, LRN over all maps, k = 1, alpha over 5."""

    def conv(name: str, x: Array, groups: int = 1, **how: int) -> Array:
        weight, bias = weights[name]
        parts = zip(np.split(x, groups, 1), np.split(weight, groups), np.split(bias, groups), strict=True)
        return reference.relu(np.concatenate([reference.convolution(p, w, b, **how) for p, w, b in parts], axis=1))

    def lrn_pool(x: Array) -> Array:
        return reference.max_pool(reference.cross_map(x, 1e-4 / 5, k=1.0))

    x = lrn_pool(conv("conv1", bgr, stride=4, padding=0))
    x = lrn_pool(conv("conv2", x, groups=2, stride=1, padding=2))
    x = conv("conv3", x, stride=1, padding=1)
    x = conv("conv4", x, groups=2, stride=1, padding=1)
    x = reference.max_pool(conv("conv5", x, groups=2, stride=1, padding=1)).reshape(len(bgr), -1)
    for name in ("fc6", "fc7"):
        x = reference.relu(x @ weights[name][0].T + weights[name][1])
    logits: Array = x @ weights["fc8"][0].T + weights["fc8"][1]
    return logits


def test_the_converted_network_is_caffes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """True widths on a small image: weights written for BGR, read into alexnet-caffe, which gets RGB."""
    monkeypatch.setitem(caffe.LAYERS, "fc6", (4096, 256))
    random = np.random.default_rng(2)
    shapes = {name: shape if shape[0] else (1000, *shape[1:]) for name, shape in caffe.LAYERS.items()}
    weights: dict[str, tuple[Array, ...]] = {
        name: (
            random.standard_normal(shape, np.float32) * np.float32(1.4 * np.prod(shape[1:]) ** -0.5),
            random.standard_normal(shape[0], np.float32),
        )
        for name, shape in shapes.items()
    }
    path = tmp_path / "bvlc_alexnet.caffemodel"
    path.write_bytes(caffe_files.caffemodel(weights, old=True))
    network = build("alexnet-caffe", input=(3, 67, 67))
    assert load_pretrained(network, path, "alexnet-caffe")
    path.unlink()
    bgr = 255 * random.random((1, 3, 67, 67)) - 110
    expected = torch.from_numpy(caffe_logits(weights, bgr))
    rgb = torch.from_numpy(bgr[:, ::-1].copy())
    with torch.no_grad():
        found = network.double().eval()(rgb)
        turned = network(rgb.flip(1))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    assert (turned - expected).abs().max() > 0.1, "the order of the colours must show"


def test_other_networks_are_refused(small: None, tmp_path: Path) -> None:
    path = tmp_path / "model.caffemodel"

    def refusal(weights: dict[str, tuple[Array, ...]]) -> str:
        path.write_bytes(caffe_files.caffemodel(weights))
        with pytest.raises(UserError) as error:
            read_caffemodel(path)
        return str(error.value)

    good = small_weights()
    swapped = {name: good[name] for name in ("conv1", "pool1", "norm1", "conv2", "fc8")}
    assert "CaffeNet, which pools before LRN" in refusal(swapped)
    assert "found weights of conv1, conv2; expected bvlc_alexnet's conv1, conv2, fc8" in refusal(
        {name: value for name, value in good.items() if name != "fc8"}
    )
    assert "conv2 has 1 blobs; expected weights and biases" in refusal(good | {"conv2": good["conv2"][:1]})
    assert "conv1's weights are 4x3x3x3; bvlc_alexnet's are 4x3x2x2" in refusal(
        good | {"conv1": (np.zeros((4, 3, 3, 3)), np.zeros(4))}
    )


def test_damage_is_told_wherever_the_file_ends(small: None, tmp_path: Path) -> None:
    """Cut at every byte and with every kind of noise: an answer or a UserError, and never anything else."""
    path = tmp_path / "model.caffemodel"
    whole = caffe_files.caffemodel(small_weights())
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        with pytest.raises(UserError, match=r"model\.caffemodel: "):
            read_caffemodel(path)
    random = np.random.default_rng(3)
    for _ in range(300):
        noisy = bytearray(whole)
        for at in random.integers(0, len(noisy), 4):
            noisy[at] = random.integers(256)
        path.write_bytes(noisy)
        with contextlib.suppress(UserError):
            read_caffemodel(path)


def test_a_blob_that_lies_about_its_shape() -> None:
    message = caffe_files.blob(np.zeros((2, 3)))
    message.shape.dim[0] = 2**60
    with pytest.raises(caffe.Damaged, match="with 6 values"):
        caffe._blob(memoryview(message.SerializeToString()))


def test_mean_image(tmp_path: Path) -> None:
    path = tmp_path / "imagenet_mean.binaryproto"
    bgr = np.random.default_rng(4).uniform(90, 130, (1, 3, 8, 8)).astype(np.float32)
    for old in (True, False):
        path.write_bytes(caffe_files.blob(bgr, old).SerializeToString())
        assert torch.equal(read_mean(path, side=8), torch.from_numpy(bgr[0, ::-1].copy()))
    with pytest.raises(UserError, match=r"found a mean of 1x3x8x8; expected 3x256x256, of images of that size"):
        read_mean(path)
    path.write_bytes(b"\x89PNG not a mean")
    with pytest.raises(UserError, match=r"imagenet_mean\.binaryproto: "):
        read_mean(path)
