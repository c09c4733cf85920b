"""The readers of files from strangers, with a few good files of each to start from."""

import gzip
import io
import pickle
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from alexlab.data.input.decode import decode, decode_rgb
from alexlab.data.shards.index import FORMAT, KIND, Index, Shard, index_bytes, read_index
from alexlab.data.sources import cifar
from alexlab.data.sources.files import open_files
from alexlab.data.sources.idx import read_idx
from alexlab.data.sources.list import read_list
from alexlab.recipes.reading import parse_setting, preset_text, read_recipe
from alexlab.weights.caffe import read_caffemodel, read_mean
from alexlab.weights.pretrained import read_weights
from alexlab.weights.tensors import load_tensors

Reader = Callable[[bytes], object]


def on_file(name: str, read: Callable[[Path], object]) -> Reader:
    """A reader of bytes from a reader of files."""

    def of(data: bytes) -> object:
        Path(name).write_bytes(data)
        return read(Path(name))

    return of


def archive(ending: str) -> Reader:
    def read(path: Path) -> None:
        files = open_files(path)
        for name in files.names[:100]:
            files.read(name)

    return on_file(f"f.{ending}", read)


def idx(data: bytes) -> None:
    read_idx_file(data, 3 if len(data) < 4 or data[3] != 1 else 1)


def read_idx_file(data: bytes, dimensions: int) -> None:
    Path("f").write_bytes(data)
    read_idx(Path("f"), dimensions)


def recipe(data: bytes) -> None:
    setting = data.decode("utf-8", "replace")
    parse_setting(setting if "=" in setting else f"rate={setting}")
    Path("f.toml").write_bytes(data)
    read_recipe("f.toml")


def small_cifar(data: bytes) -> None:
    """The pickled batches, of two images of six bytes, so that good ones are small."""
    cifar.IMAGES_PER_BATCH, cifar.PIXELS, before = 2, 6, (cifar.IMAGES_PER_BATCH, cifar.PIXELS)
    try:
        cifar._unpickled(data, "f")
    finally:
        cifar.IMAGES_PER_BATCH, cifar.PIXELS = before


READERS: dict[str, Reader] = {
    "idx": idx,
    "index": lambda data: read_index(data, "f"),
    "cifar": small_cifar,
    "tar": archive("tar"),
    "tar.gz": archive("tar.gz"),
    "zip": archive("zip"),
    "safetensors": on_file("f.safetensors", lambda path: (load_tensors(path), read_weights(path))),
    "pytorch": on_file("f.pt", read_weights),
    "caffe": on_file("f.caffemodel", lambda path: read_caffemodel(path)),
    "mean": on_file("f.binaryproto", read_mean),
    "recipe": recipe,
    "list": on_file("f.csv", read_list),
    "image": lambda data: decode(data, "f"),
    "pixels": lambda data: decode_rgb(data, "f"),
}
"""Each takes bytes, and may raise UserError and nothing else."""


def _tar(mode: str, form: int) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode, format=form) as archive:  # type: ignore[call-overload]
        for name, content in (
            ("a/1.png", b"one"),
            (("b/" + "long" * 30 + ".png") if form != tarfile.USTAR_FORMAT else "b/2.png", b"two" * 200),
        ):
            member = tarfile.TarInfo(name)
            member.size, member.pax_headers = len(content), {"comment": "x"} if form == tarfile.PAX_FORMAT else {}
            archive.addfile(member, io.BytesIO(content))
        folder = tarfile.TarInfo("c")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    return data.getvalue()


def _zip(method: int) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        archive.writestr("a/1.png", b"one")
        archive.writestr("b/é.png", b"two" * 200)
        archive.writestr("c/", b"")
        link = zipfile.ZipInfo("c/2.png")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "../a/1.png")
    return data.getvalue()


def _pictures() -> list[bytes]:
    noise = Image.effect_noise((9, 7), 60)
    found = []
    for form, image, options in (
        ("PNG", noise, {}), ("PNG", noise.convert("RGBA"), {}), ("PNG", noise.convert("P"), {"transparency": 3}),
        ("JPEG", noise, {}), ("JPEG", noise.convert("CMYK"), {"progressive": True}), ("GIF", noise, {}), ("BMP", noise.convert("RGB"), {}),
        ("WEBP", noise.convert("RGB"), {}), ("TIFF", noise, {"compression": "tiff_lzw"}), ("TIFF", noise.convert("RGB"), {}),
        ("PPM", noise, {}), ("GIF", noise, {"save_all": True, "append_images": [noise] * 3}),
        ("JPEG", noise, {"exif": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"}),
    ):  # fmt: skip
        data = io.BytesIO()
        image.save(data, form, **options)
        found.append(data.getvalue())
    return found


def _index() -> bytes:
    columns = (("a/1.png", "b/2.jpg"), (0, 1), (1, 0), (512, 2048), (9, 9), (1, 2))
    shard = Shard("all-000000.tar", "all", 2, 4096, "0" * 64, *columns)
    index = Index(KIND, FORMAT, "t", ("a", "b"), (3, 8, 8), (0.5,) * 3, (0.1,) * 3, (), "", 2, 4096, (shard,))
    return index_bytes(index)


def _torch(value: Any) -> bytes:
    data = io.BytesIO()
    torch.save(value, data)
    return data.getvalue()


def seeds() -> dict[str, list[bytes]]:
    """Good files for each reader, and a few that lie in a way that was tried against a reader."""
    array = np.arange(12, dtype=np.uint8).reshape(2, 6)
    pickles = [
        pickle.dumps({b"data": array, b"labels": [1, 2], b"names": ["a", "b"]}, protocol) for protocol in (2, 3, 4)
    ]
    small = save({"a": torch.zeros(2, 3), "b": torch.ones(4, dtype=torch.int64)}, {"alexlab": '{"format": 1}'})
    images, labels = (
        struct.pack(">4BIII", 0, 0, 8, 3, 2, 2, 3) + bytes(12),
        struct.pack(">4BI", 0, 0, 8, 1, 5) + bytes(5),
    )
    tars = [_tar("w", form) for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)]
    blob = b"\x08\x01\x10\x03\x18\xe3\x01\x20\xe3\x01" + b"\x2a\x08" + struct.pack("<2f", 1, 2)
    layer = b"\x0a\x05conv1\x3a" + bytes([len(blob)]) + blob
    return {
        "idx": [images, labels, gzip.compress(images), gzip.compress(labels)],
        "index": [_index()],
        "cifar": pickles,
        "tar": tars,
        "tar.gz": [gzip.compress(data) for data in tars],
        "zip": [_zip(method) for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)],
        "safetensors": [small, save({"w": torch.zeros(3, dtype=torch.bfloat16)})],
        "pytorch": [_torch({"a": torch.zeros(2, 3), "b": torch.ones(2)}), _torch([1, "x"])],
        "caffe": [b"\xa2\x06" + bytes([len(layer)]) + layer],
        "mean": [blob],
        "recipe": [
            preset_text("quick").encode(),
            b"rate = 0.1\nepochs = 3\n[a]\nb = 1979-05-27T07:32:00Z\n",
            b'network = "x.py:n"',
        ],
        "list": [b"path,label,split\nf.csv,1,train\nf.csv,2,test\n", b'path,label\n"f.csv",x\nf.csv,"y"\n'],
        "image": _pictures(),
        "pixels": [data for data in _pictures() if data.startswith(b"\xff\xd8")],
    }
