"""Files from strangers: refused by name or read, in little time and memory. The long form: python -m tests.faults.fuzz"""

import json
import os
import pickle
import random
import resource
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexlab.data.input.decode import decode
from alexlab.data.sources.cifar import _unpickled
from alexlab.data.sources.files import open_files
from alexlab.data.sources.idx import read_idx
from alexlab.errors import UserError
from alexlab.recipes.reading import parse_setting, read_recipe
from alexlab.runs.folder import read_lines
from alexlab.weights.pretrained import read_weights
from alexlab.weights.tensors import load_tensors
from tests.conftest import ROOT
from tests.faults.fuzz import attempt, changed
from tests.faults.readers import READERS, seeds

SEEDS = seeds()
CORPUS = sorted(path for path in (ROOT / "tests" / "faults" / "corpus").iterdir() if path.suffix != ".md")


@pytest.mark.filterwarnings("ignore")  # Pillow's, of damaged files
@pytest.mark.parametrize("reader", READERS)
def test_changed_files(reader: str) -> None:
    chance = random.Random(7)
    for data in SEEDS[reader]:
        attempt(READERS[reader], data)
    for _ in range(400):
        attempt(READERS[reader], changed(chance, SEEDS[reader]))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=25, deadline=None, database=None)
@given(data=st.binary(max_size=300), start=st.integers(0, 40))
def test_anything_at_all(reader: str, data: bytes, start: int) -> None:
    attempt(READERS[reader], data)
    attempt(READERS[reader], SEEDS[reader][0][:start] + data)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CORPUS, ids=lambda path: path.name)
def test_what_was_found(case: Path) -> None:
    """Files that once made a reader crash, hang or take memory: NAME-what."""
    attempt(READERS[case.name.partition("-")[0]], case.read_bytes())


def taken() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


TERA = 2**40


def claims() -> dict[str, tuple[str, bytes, Any]]:
    """Small files whose headers claim terabytes."""
    header = json.dumps({"a": {"dtype": "F32", "shape": [TERA // 4], "data_offsets": [0, TERA]}}).encode()
    member = tarfile.TarInfo("a/1.png")
    member.size = TERA
    reduce = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
    return {
        "idx": ("f", struct.pack(">4BIII", 0, 0, 8, 3, 2**20, 2**10, 2**10), lambda path: read_idx(path, 3)),
        "tar": ("f.tar", member.tobuf(tarfile.GNU_FORMAT) + bytes(1024), open_files),
        "safetensors": ("f.safetensors", struct.pack("<Q", len(header)) + header + bytes(16), load_tensors),
        "safetensors' header": ("f.safetensors", struct.pack("<Q", TERA) + b"{}", load_tensors),
        "cifar: a place in the memo": ("f", b"\x80\x02}r" + struct.pack("<I", 2**32 - 2) + b".", unpickle),
        "cifar: a text": ("f", b"\x80\x04\x8d" + struct.pack("<Q", TERA) + b"ab", unpickle),
        "cifar: bytes to be filled": ("f", b"\x80\x05\x96" + struct.pack("<Q", TERA) + b"ab", unpickle),
        "cifar: an array": ("f", reduce + b".", unpickle),
        "cifar: tuples within tuples as a key": ("f", b"\x80\x02}N" + b"\x85" * 1_000_000 + b"Ns.", unpickle),
        "cifar: a list that holds itself": (
            "f",
            b"\x80\x02}(C\x04dataq\1C\6labels]q\2(" + b"h\2" * 50 + b"eu.",
            unpickle,
        ),
        "bmp": (
            "f",
            b"BM" + struct.pack("<IHHIIIIHHIIIIII", 70, 0, 0, 54, 40, 2**30, 2**30, 1, 24, 0, 0, 0, 0, 0, 0),
            image,
        ),
        "ppm": ("f", b"P6 1000000 1000000 255\n123", image),
    }


def unpickle(path: Path) -> None:
    _unpickled(path.read_bytes(), "f")


def image(path: Path) -> None:
    decode(path.read_bytes(), "f")


@pytest.mark.parametrize("what", claims())
def test_a_header_that_claims_terabytes_costs_nothing(what: str) -> None:
    name, data, read = claims()[what]
    Path(name).write_bytes(data)
    before = taken()
    with pytest.raises(UserError):
        read(Path(name))
    assert taken() - before < 30_000_000


def test_no_pickle_is_executed() -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, ("executed",)

    for protocol in range(2, 6):
        with pytest.raises(UserError, match="refused"):
            _unpickled(pickle.dumps({b"data": Evil(), b"labels": []}, protocol), "f")
    for ending in (".pt", ".pth"):
        Path(f"f{ending}").write_bytes(pickle.dumps(Evil(), 2))
        with pytest.raises(UserError, match="refused|not a whole PyTorch file"):
            read_weights(Path(f"f{ending}"))
    with pytest.raises(UserError, match="refused, it is a pickle"):
        Path("f.pkl").write_bytes(pickle.dumps(Evil()))
        read_weights(Path("f.pkl"))
    assert not Path("executed").exists()


def test_a_packed_pytorch_file_is_refused() -> None:
    with zipfile.ZipFile("f.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(50_000_000))
    with pytest.raises(UserError, match="is packed or of a false size"):
        read_weights(Path("f.pt"))


def test_a_format_that_starts_programs_is_no_image() -> None:
    with pytest.raises(UserError, match="not an image that can be read"):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n", "f.jpg")


def test_recipes_hold_no_code_and_no_more_than_a_recipe() -> None:
    for text, says in (
        ("rate = " + "[" * 5000, "not TOML"),
        ("rate = " + "9" * 5000, "not TOML"),
        ("# " + "x" * 200_000, "longer than"),
        ('include = "/etc/passwd"', "unknown key 'include'"),
        ("rate = \"__import__('os')\"", "does not fit"),
    ):
        Path("f.toml").write_text(text)
        with pytest.raises(UserError, match=says):
            read_recipe("f.toml")
    assert parse_setting("rate=" + "[" * 5000)[0] == "rate"


def test_tars_with_more_than_files() -> None:
    deep = tarfile.TarInfo("a/" * 3000 + "1.png")
    with tarfile.open("f.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(deep)
    with pytest.raises(UserError, match="characters long"):
        open_files(Path("f.tar"))


def test_lines_of_metrics_from_anywhere() -> None:
    for text in ("[" * 100_000, "3\n", '{"a": 1}\n', "\udcff"):
        Path("metrics.jsonl").write_bytes(text.encode("utf-8", "surrogateescape"))
        assert read_lines(Path("metrics.jsonl")) == []


def test_the_published_shape_of_a_batch_is_still_read() -> None:
    """As CIFAR-10's batches were pickled: protocol 2, arrays by columns or rows."""
    for order in ("C", "F"):
        pixels = np.asarray(
            np.arange(30_720_000, dtype=np.uint32).reshape(10_000, 3072) % 251, dtype=np.uint8, order=order
        )
        found, labels = _unpickled(pickle.dumps({b"data": pixels, b"labels": [3] * 10_000}, 2), "f")
        assert np.array_equal(found, pixels) and set(labels.tolist()) == {3}


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("reader", READERS)
def test_changed_files_long(reader: str) -> None:
    command = [sys.executable, "-m", "tests.faults.fuzz", "--inputs", "100000", "--readers", reader]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0 and json.loads(found.stdout)["faults"] == 0, found.stderr[-3000:]
