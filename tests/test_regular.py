"""Pipes, sockets, devices and links in circles: told when a dataset is opened, never waited for and never read."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from alexlab.data.opening import open_dataset
from alexlab.data.shards.packing import pack
from alexlab.data.sources.idx import read_idx
from alexlab.errors import UserError
from alexlab.recipes import read_recipe
from tests.conftest import write_photographs

pytestmark = pytest.mark.timeout(30)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        before = Path.cwd()
        os.chdir(path.parent)  # the name of a socket may have a hundred characters
        made.bind(path.name)
        os.chdir(before)


def an_endless_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to("gone")


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


Strange = Callable[[Path], None]
FOUND: dict[Strange, str] = {
    a_pipe: "found a named pipe",
    a_socket: "found a socket",
    an_endless_device: "found a device",
}
FOUND_BELOW: dict[Strange, str] = {
    **FOUND,
    a_link_to_nothing: "found a link to nothing",
    a_link_to_itself: "cannot be read",
}


@pytest.mark.parametrize("strange", FOUND_BELOW)
def test_in_a_folder_of_images(strange: Strange, tmp_path: Path) -> None:
    folder = write_photographs(tmp_path / "photos")
    strange(folder / "red" / "4.jpg")
    with pytest.raises(UserError, match=f"red/4.jpg: {FOUND_BELOW[strange]}"):
        open_dataset(f"folder:{folder}")


@pytest.mark.parametrize("strange", FOUND_BELOW)
def test_in_ilsvrc(strange: Strange, tmp_path: Path) -> None:
    folder = write_photographs(tmp_path / "photos" / "train", ("n01440764", "n01443537"))
    strange(folder / "n01440764" / "n01440764_9.JPEG")
    with pytest.raises(UserError, match=f"n01440764_9.JPEG: {FOUND_BELOW[strange]}"):
        open_dataset(f"ilsvrc:{tmp_path / 'photos'}")


@pytest.mark.parametrize("strange", FOUND)
def test_in_place_of_what_is_opened(strange: Strange, tmp_path: Path) -> None:
    for name in ("photos", "list.csv", "train-images-idx3-ubyte", "mine.toml", "photos.tar", "photos.tar.gz"):
        strange(tmp_path / name)
    for kind, name in (
        ("folder", "photos"),
        ("folder", "photos.tar"),
        ("folder", "photos.tar.gz"),
        ("list", "list.csv"),
    ):
        with pytest.raises(UserError, match=f"{name}: {FOUND[strange]}"):
            open_dataset(f"{kind}:{tmp_path / name}")
    with pytest.raises(UserError, match=FOUND[strange]):
        read_idx(tmp_path / "train-images-idx3-ubyte", 3)
    with pytest.raises(UserError, match=FOUND[strange]):
        read_recipe(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize("strange", FOUND)
def test_in_a_list(strange: Strange, tmp_path: Path) -> None:
    write_photographs(tmp_path / "photos")
    strange(tmp_path / "photos" / "red" / "4.jpg")
    (tmp_path / "list.csv").write_text("path,label\nphotos/blue/0.png,0\nphotos/red/4.jpg,1\n")
    with pytest.raises(UserError, match=f"4.jpg: {FOUND[strange]}"):
        open_dataset(f"list:{tmp_path / 'list.csv'}")


@pytest.mark.parametrize("strange", FOUND)
def test_in_shards(strange: Strange, tmp_path: Path) -> None:
    pack(f"folder:{write_photographs(tmp_path / 'photos')}", tmp_path / "packed", images=4)
    first = next((tmp_path / "packed").glob("*.tar"))
    shutil.copytree(tmp_path / "packed", tmp_path / "unlisted")
    (tmp_path / "unlisted" / "index.json").unlink()
    for path in (first, tmp_path / "unlisted" / first.name):
        path.unlink()
        strange(path)
        with pytest.raises(UserError, match=f"{first.name}: {FOUND[strange]}"):
            open_dataset(f"shards:{path.parent}")
    (tmp_path / "packed" / "index.json").unlink()
    strange(tmp_path / "packed" / "index.json")
    with pytest.raises(UserError, match=f"index.json: {FOUND[strange]}"):
        open_dataset(f"shards:{tmp_path / 'packed'}")


def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    dataset = open_dataset(f"folder:{write_photographs(tmp_path / 'photos')}")
    path = tmp_path / "photos" / dataset.train.images.names[0]
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UserError, match="found a named pipe"):
        dataset.train.images.picture(0)


def test_links_in_circles(tmp_path: Path) -> None:
    """Two links up in one folder: every path through them is another, and there are more than can be counted."""
    folder = write_photographs(tmp_path / "photos")
    (folder / "red" / "first").symlink_to(folder)
    (folder / "red" / "second").symlink_to(folder)
    with pytest.raises(UserError, match=r"red/\w+/: found a link back to a folder that it lies in"):
        open_dataset(f"folder:{folder}")


def test_links_to_files_and_folders_elsewhere_are_followed(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path / "photos")
    linked = tmp_path / "linked"
    (linked / "blue").mkdir(parents=True)
    for path in (folder / "blue").iterdir():
        (linked / "blue" / path.name).symlink_to(path)
    (linked / "red").symlink_to(folder / "red")
    there, here = open_dataset(f"folder:{folder}"), open_dataset(f"folder:{linked}")
    assert there.train.images.names == here.train.images.names
    assert here.train.images.picture(0).tobytes() == there.train.images.picture(0).tobytes()


def test_hidden_files_are_no_business_of_ours(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path / "photos")
    os.mkfifo(folder / "red" / ".agent")
    assert len(open_dataset(f"folder:{folder}").classes) == 2


def test_a_label_longer_than_a_name_is_refused(tmp_path: Path) -> None:
    write_photographs(tmp_path / "photos")
    (tmp_path / "list.csv").write_text(f"path,label\nphotos/blue/0.png,{'1' * 5000}\nphotos/red/0.png,2\n")
    with pytest.raises(UserError, match="line 2 has a label of 5,000 characters; expected 255 at most"):
        open_dataset(f"list:{tmp_path / 'list.csv'}")
