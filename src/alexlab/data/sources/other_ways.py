"""Where a folder has no classes in it: what lies there that says the labels all the same."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from alexlab.data.sources.files import ARCHIVES
from alexlab.data.sources.names import ending, is_image
from alexlab.showing import listed, shown

LISTS = (".csv", ".tsv")
OF_ARRAYS = (".npy", ".npz", ".mat", ".h5", ".hdf5", ".pkl", ".parquet", ".arrow", ".tfrecord", ".tfrec", ".tfrecords")
MOST_WORDS = 100  # with which names of images begin: more are no classes
USUAL = 0.4  # of the images, whose names begin with a word and a number
_WORD = re.compile(r"([^\W\d_]+(?:[ _-]+[^\W\d_]+)*)[ ._(-]*\d+\)?$")


def other_ways(names: Sequence[str], path: Path) -> str:
    """Return sentences, each after a space, on what to do instead; empty where nothing is known.

    Args:
        names: of all files at `path`, a folder or an archive.
    """
    return "".join(f" {each}" for each in _ways(names, path))


def _ways(names: Sequence[str], path: Path) -> Iterator[str]:
    packed = not path.is_dir()
    lists = [name for name in names if ending(name) in LISTS and "submission" not in name.lower()]
    if lists and any(map(is_image, names)):
        how = f"unpack {path} and say list:{shown(lists[0])}" if packed else f"say list:{path}/{shown(lists[0])}"
        yield f"If {_some(lists)} has the labels, {how}."
    archives = [name for name in names if name.lower().endswith(ARCHIVES)]
    if archives and not any(map(is_image, names)):
        how = (
            f"unpack {path} and say folder:{shown(archives[0])}"
            if packed
            else f"say folder:{path}/{shown(archives[0])}"
        )
        yield f"If the images are in {_some(archives)}, {how}."
    stems = [PurePosixPath(name).stem for name in names if is_image(name)]
    words = Counter(found[1] for stem in stems if (found := _WORD.match(stem)))
    often = [word for word, count in words.most_common() if count > 1]
    if 1 < len(often) <= MOST_WORDS and sum(words.values()) >= USUAL * len(stems):
        yield f"Names of files begin with {_some(sorted(often))}: if these are the classes, put each into a folder of its own."
    arrays = Counter(ending(name) for name in names if ending(name) in OF_ARRAYS)
    if arrays and not stems:
        yield f"Pictures in {listed(sorted(arrays))} are not read: write each of them as a PNG file."


def _some(names: Sequence[str]) -> str:
    return listed([shown(name) for name in names], 3)
