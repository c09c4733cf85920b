"""Packing: deterministic, resumable, and nothing is overwritten."""

import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from alexlab.data.opening import open_dataset
from alexlab.data.shards.index import INDEX
from alexlab.data.shards.packing import CHECKSUMS, STATE, pack
from alexlab.errors import UserError
from tests.conftest import write_photographs
from tests.faults.campaign import arm, ended
from tests.forking import begun
from tests.waiting import until


def photographs(folder: Path = Path("photos"), each: int = 20) -> str:
    """PNG and JPEG files, and one that is neither."""
    write_photographs(folder, each=each)
    Image.effect_noise((30, 20), 50).convert("RGB").save(folder / "red" / "noise.jpg", quality=80)
    Image.effect_noise((30, 20), 50).save(folder / "blue" / "bitmap.bmp")
    return f"folder:{folder.resolve()}"


def content(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_same_bytes_however_often_and_by_however_many() -> None:
    name = photographs()
    for out, processes in (("a", 1), ("b", 1), ("c", 2)):
        pack(name, Path(out), images=8, processes=processes)
    assert content(Path("a")) == content(Path("b")) == content(Path("c"))
    assert len(list(Path("a").glob("all-*.tar"))) == 6
    checked = subprocess.run(["sha256sum", "-c", "--quiet", CHECKSUMS], cwd="a")
    assert checked.returncode == 0
    assert pack(name, Path("a"), images=8) == pack(name, Path("b"), images=8)  # done already


def test_files_are_copied_and_pixels_are_not_changed() -> None:
    name = photographs()
    source = open_dataset(name, whole=True).train
    index = pack(name, Path("out"), processes=1)
    copied = 0
    for shard in index.shards:
        with tarfile.open(f"out/{shard.name}") as tar:
            for image, label, offset, size in zip(shard.names, shard.labels, shard.offsets, shard.sizes, strict=True):
                stem, _, ending = image.rpartition(".")
                data = tar.extractfile(f"{stem}.{'png' if ending == 'bmp' else ending}").read()  # type: ignore[union-attr]
                assert Path(f"out/{shard.name}").read_bytes()[offset : offset + size] == data
                row = source.images.names.index(image)
                assert tar.extractfile(f"{stem}.cls").read() == str(label).encode() == str(source.labels[row]).encode()  # type: ignore[union-attr]
                if ending == "bmp":
                    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), np.asarray(Image.open(f"photos/{image}")))  # fmt: skip
                else:
                    assert data == Path(f"photos/{image}").read_bytes()
                    copied += 1
    assert copied == 41


def _pack_and_die(name: str, moment: str, n: int) -> None:
    arm(moment, n)
    pack(name, Path("out"), images=5, processes=1)


@pytest.mark.parametrize("moment", ["fsync", "rename", "after rename", "write"])
def test_killed_at_every_moment_of_its_kind(moment: str) -> None:
    """Each child dies at its n-th sync, rename or write; no half is under its name; the last one ends, and the bytes are the same."""
    name = photographs(each=6)
    pack(name, Path("whole"), images=5, processes=1)
    kills = 0
    for n in range(1, 40):
        code = ended(begun(_pack_and_die, name, moment, n))
        for tar in Path("out").glob("*.tar"):
            assert tar.read_bytes() == Path("whole", tar.name).read_bytes()
        if code == 0:
            break
        assert code == -signal.SIGKILL
        kills += 1
        if n % 2:
            shutil.rmtree("out")  # killed later each time, from the beginning and going on by turns
    assert code == 0 and kills >= 1 and content(Path("out")) == content(Path("whole"))


def lives(group: int) -> bool:
    """Whether a process of this group lives."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_killed_while_several_pack(tmp_path: Path) -> None:
    """kill -9 of the first process: its children end too, and the same command goes on."""
    name = photographs(each=300)
    command = [sys.executable, "-m", "alexlab", "pack", name, "out", "--images", "25", "--processes", "2"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    until(lambda: list(Path("out").glob("*.tar")), alive=lambda: process.poll() is None)
    process.kill()
    process.wait()
    assert not Path("out", INDEX).exists()
    until(lambda: not lives(process.pid))
    pack(name, Path("out"), images=25, processes=1)
    pack(name, Path("whole"), images=25, processes=1)
    assert content(Path("out")) == content(Path("whole"))


def test_a_shard_that_was_damaged_before_the_end_is_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    name = photographs()
    pack(name, Path("whole"), images=8, processes=1)
    with monkeypatch.context() as unfinished:
        unfinished.setattr("alexlab.data.shards.packing._finish", lambda *a: None)
        pack(name, Path("out"), images=8, processes=1)
    data = bytearray(Path("out/all-000002.tar").read_bytes())
    data[700] ^= 1
    Path("out/all-000002.tar").write_bytes(data)
    pack(name, Path("out"), images=8, processes=1)
    assert content(Path("out")) == content(Path("whole"))


def other_dataset() -> None:
    pack("digits", Path("out"), images=900, processes=1)


def other_files() -> None:
    Path("out").mkdir()
    Path("out/thesis.txt").write_text("all of it")


def a_file() -> None:
    Path("out").write_text("all of it")


def half_of_another() -> None:
    Path("out", STATE).mkdir(parents=True)
    Path("out", STATE, "plan").write_text("another")


def gone() -> None:
    pack(photographs(), Path("out"), processes=1)
    Path("out/all-000000.tar").unlink()


@pytest.mark.parametrize(
    ("there", "says"),
    [
        (other_dataset, "packed from other images"),
        (other_files, "holds something else"),
        (a_file, "holds something else"),
        (half_of_another, "packing that is not done"),
        (gone, r"all-000000.tar: was packed \(SHA-256 [0-9a-f]{64}\)"),
    ],
)
def test_what_is_there_is_not_touched(there: Callable[[], None], says: str) -> None:
    name = photographs()
    there()
    before = {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file() and path.name != "lock"}
    with pytest.raises(UserError, match=says):
        pack(name, Path("out"))
    assert before == {p: p.read_bytes() for p in Path("out").rglob("*") if p.is_file() and p.name != "lock"}


def test_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=1000))
    with pytest.raises(UserError, match="the shards need about"):
        pack("digits", Path("out"))
    assert not Path("out").exists()


def test_two_at_once_in_one_folder() -> None:
    name = photographs()
    Path("out", STATE).mkdir(parents=True)
    holding = f"import fcntl,sys; f=open({str(Path('out', STATE, 'lock'))!r},'w'); fcntl.flock(f,2); print(1,flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", holding], stdin=-1, stdout=-1) as other:
        other.stdout.readline()  # type: ignore[union-attr]
        with pytest.raises(UserError, match="another process packs there"):
            pack(name, Path("out"))
        other.stdin.close()  # type: ignore[union-attr]


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.long)])
def test_images_that_cannot_be_packed(processes: int) -> None:
    name = photographs()
    Path("photos/red/broken.gif").write_bytes(b"GIF89a")
    with pytest.raises(UserError, match="broken.gif: "):
        pack(name, Path("out"), images=8, processes=processes)
    Path("photos/red/broken.gif").write_bytes(b"")
    with pytest.raises(UserError, match=r"broken.gif: the file is empty|not done"):
        pack(name, Path("out"), images=8, processes=processes)


def test_names_that_webdataset_would_take_apart() -> None:
    """Dots, endings that differ alone, a row that stands twice and counts once, names that lead out of the folder they are unpacked in."""
    Path("a").mkdir()
    for i, image in enumerate(("a/x.1.png", "a/x.1.jpg", "a/__y__.png", "z%2E.png", ".w.png")):
        Image.new("RGB", (4, 4), (i, i, i)).save(image, "PNG")
    outside = f"../{Path.cwd().name}/.w.png,1"
    lines = ["a/x.1.png,0", "a/x.1.jpg,1", "a/__y__.png,0", "z%2E.png,1", ".w.png,0", "a/x.1.png,0", outside]
    Path("l.csv").write_text("\n".join(["path,label", *lines]))
    index = pack("list:l.csv", Path("out"), processes=1)
    with tarfile.open("out/all-000000.tar") as tar:
        names = tar.getnames()
    images = [name for name in names if name.endswith(".png")]
    assert len(set(names)) == 12 and len(images) == 6 and all(name.rpartition("/")[2].count(".") == 1 for name in names)
    assert not any(".." in name or name.startswith(("/", "__")) for name in names)
    before, after = open_dataset("list:l.csv", whole=True).train, open_dataset("out", whole=True).train
    assert list(after.images.names) == list(before.images.names) and index.images == 6
    for row in range(6):
        assert np.array_equal(np.asarray(after.images.picture(row)), np.asarray(before.images.picture(row)))


def test_the_command(alexlab: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = alexlab("pack", "digits", "out", "--images", "500", "--processes", "1")
    assert done.returncode == 0 and "1,500 train" in done.stdout and "3.7 MB" in done.stdout, done.stderr
    again = alexlab("pack", "digits", "out")
    assert again.returncode == 2 and again.stderr.splitlines()[-1].startswith("error: out: holds Digits 8x8")
