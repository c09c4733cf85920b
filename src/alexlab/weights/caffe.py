"""Caffe's AlexNet: its weight file (bvlc_alexnet.caffemodel) and its mean image, read for PyTorch.

Both are protocol buffers of BVLC/caffe, src/caffe/proto/caffe.proto. Of that schema a dozen fields are needed, so the
wire format (https://protobuf.dev/programming-guides/encoding) is read here, every length checked against what is there.

What is turned round: Caffe reads images as blue, green, red; here conv1's filters and the mean are red, green, blue.
What is not: two groups in conv2, conv4 and conv5 mean the same in PyTorch, and so does the order of fc6's inputs. The
network for these weights is `alexnet-caffe`, fed with pixels of 0 to 255 minus the mean, not divided by anything.
"""

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from alexlab.errors import UserError
from alexlab.regular import check_regular

LAYERS = {
    "conv1": (96, 3, 11, 11),
    "conv2": (256, 48, 5, 5),
    "conv3": (384, 256, 3, 3),
    "conv4": (384, 192, 3, 3),
    "conv5": (256, 192, 3, 3),
    "fc6": (4096, 9216),
    "fc7": (4096, 4096),
    "fc8": (0, 4096),  # as many as there are classes
}
VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5


class Damaged(Exception):
    """What is wrong with the bytes; the readers below turn it into a UserError with the file's name."""


class Layer(NamedTuple):
    """A layer of a caffemodel: its name, and its weights and biases, float32."""

    name: str
    blobs: list[torch.Tensor]


def read_caffemodel(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights of `alexnet-caffe`, float32, by its names, from a bvlc_alexnet.caffemodel.

    Raises:
        UserError: the file is no caffemodel, is cut off, or holds another network.
    """
    try:
        layers = _layers(memoryview(path.read_bytes()))
        return _alexnet(layers)
    except (Damaged, OSError) as error:
        raise UserError(f"{path}: {error}") from error


def read_mean(path: Path, side: int = 256) -> torch.Tensor:
    """Return the mean image of a .binaryproto file, float32 (3, side, side), red, green, blue, at 0 to 255.

    Raises:
        UserError: the file is no mean image, is cut off, or is of another size.
    """
    try:
        check_regular(path)
        mean = _blob(memoryview(path.read_bytes()))
    except (Damaged, OSError) as error:
        raise UserError(f"{path}: {error}") from error
    shape = tuple(mean.shape[-3:])
    if shape != (3, side, side) or prod(mean.shape[:-3]) != 1:
        raise UserError(
            f"{path}: found a mean of {_by(tuple(mean.shape))}; expected 3x{side}x{side}, of images of that size."
        )
    return mean.view(3, side, side).flip(0)


def _alexnet(layers: list[Layer]) -> dict[str, torch.Tensor]:
    names = [layer.name for layer in layers]
    if {"pool1", "norm1"} <= set(names) and names.index("pool1") < names.index("norm1"):
        raise Damaged("this is CaffeNet, which pools before LRN; expected bvlc_alexnet, which pools after it.")
    with_weights = {layer.name: layer.blobs for layer in layers if layer.blobs}
    if set(with_weights) != set(LAYERS):
        raise Damaged(
            f"found weights of {', '.join(with_weights) or 'no layer'}; expected bvlc_alexnet's {', '.join(LAYERS)}."
        )
    weights = {}
    for name, shape in LAYERS.items():
        blobs = with_weights[name]
        if len(blobs) != 2:
            raise Damaged(f"{name} has {len(blobs)} blobs; expected weights and biases.")
        filters = shape[0] or blobs[1].numel()
        weights[f"{name}.weight"] = _shaped(blobs[0], (filters, *shape[1:]), f"{name}'s weights")
        weights[f"{name}.bias"] = _shaped(blobs[1], (filters,), f"{name}'s biases")
    weights["conv1.weight"] = weights["conv1.weight"].flip(1)
    return weights


def _shaped(blob: torch.Tensor, shape: tuple[int, ...], what: str) -> torch.Tensor:
    """Return the blob in this shape; old files put ones before it (1x1x1000x4096)."""
    leading = blob.dim() - len(shape)
    if tuple(blob.shape) != (1,) * leading + shape:
        raise Damaged(f"{what} are {_by(tuple(blob.shape))}; bvlc_alexnet's are {_by(shape)}.")
    return blob.view(shape)


def _layers(net: memoryview) -> list[Layer]:
    """NetParameter: `layers` (2, until 2014: V1LayerParameter) or `layer` (100: LayerParameter)."""
    layers = []
    for number, value in _fields(net):
        if number == 2 and isinstance(value, memoryview):
            layers.append(_layer(value, name=4, blobs=6))
        elif number == 100 and isinstance(value, memoryview):
            layers.append(_layer(value, name=1, blobs=7))
    if not layers:
        raise Damaged("no layers in it: not a .caffemodel.")
    return layers


def _layer(message: memoryview, name: int, blobs: int) -> Layer:
    called, found = "", []
    for number, value in _fields(message):
        if number == name and isinstance(value, memoryview):
            called = bytes(value).decode("utf-8", "replace")
        elif number == blobs and isinstance(value, memoryview):
            found.append(_blob(value))
    return Layer(called, found)


def _blob(message: memoryview) -> torch.Tensor:
    """BlobProto: data (5) or double_data (8); its shape (7), or in old files num, channels, height, width (1 to 4)."""
    old, shape, pieces = [0, 0, 0, 0], None, {5: bytearray(), 8: bytearray()}
    for number, value in _fields(message):
        if number in pieces and isinstance(value, memoryview):
            pieces[number] += value
        elif number == 7 and isinstance(value, memoryview):
            shape = _dimensions(value)
        elif 1 <= number <= 4 and isinstance(value, int):
            old[number - 1] = value
    dtype, data = ("<f4", pieces[5]) if pieces[5] else ("<f8", pieces[8])
    if len(data) % np.dtype(dtype).itemsize:
        raise Damaged(f"a blob of {len(data):,} bytes, which is no whole number of values.")
    values = np.frombuffer(data, dtype).astype(np.float32)
    shape = shape or old
    if values.size == 0 or prod(shape) != values.size:
        raise Damaged(f"a blob of shape {_by(tuple(shape))} with {values.size:,} values.")
    return torch.from_numpy(values.reshape(shape))


def _dimensions(message: memoryview) -> list[int]:
    """BlobShape: dim (1), packed or one by one."""
    dimensions = []
    for number, value in _fields(message):
        if number != 1:
            continue
        if isinstance(value, int):
            dimensions.append(value)
            continue
        at = 0
        while at < len(value):
            dimension, at = _varint(value, at)
            dimensions.append(dimension)
    return dimensions


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field of a message: an integer for a varint, else its bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == LENGTH:
            length, at = _varint(message, at)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            length = 8 if kind == EIGHT_BYTES else 4
        else:
            raise Damaged(f"not a protocol buffer of Caffe (field {number} has the unknown kind {kind}).")
        if length > len(message) - at:
            raise Damaged(f"cut off: field {number} says {length:,} bytes and {len(message) - at:,} are left.")
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the integer at `at`, seven bits a byte, the lowest first; and where the next thing begins."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise Damaged("cut off within a number.")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise Damaged("not a protocol buffer of Caffe (a number of more than ten bytes).")


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "()"
