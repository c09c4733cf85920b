"""The catalogue of datasets: a list that can be read.

To add a dataset: add its entry here; where no format fits, a reader in `alexlab.data.sources`, named in `alexlab.data.opening.FORMATS`.
"""

from dataclasses import dataclass

from alexlab.errors import unknown

DIGITS = tuple("0123456789")


@dataclass(frozen=True)
class File:
    """A published file: its name, size in bytes (None where its publisher does not say), digest and where it can be fetched.

    `digest` is what the publisher gives, as md5:HEX or sha256:HEX; the first digits of one will do. `unpacked` is that of what a
    gzip file holds: others pack the same otherwise. `crc` is the CRC-32 of it, which a gzip file has at its end: by it files of
    one name are told apart without unpacking them.
    """

    name: str
    size: int | None
    digest: str
    url: str
    unpacked: str = ""
    crc: str = ""


@dataclass(frozen=True)
class Entry:
    """Facts of one dataset.

    Attributes:
        name, title: as the command line takes it, and as a table calls it.
        format: how it is found and read, a name of `data.opening.FORMATS`.
        folders: folder names under which its files lie, below a data folder.
        files: what is fetched where nothing is found.
        shape: channels, height, width.
        classes: names in the order of the labels.
        train, test: how many images.
        mean, std: of the training pixels at 0 to 1, by channel.
        augment: what may be done to an image without changing its label (words of data.input.transform).
        licence, source: of the images.
    """

    name: str
    title: str
    format: str
    folders: tuple[str, ...]
    files: tuple[File, ...]
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    train: int
    test: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: tuple[str, ...]
    licence: str
    source: str


_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"

DATASETS: tuple[Entry, ...] = (
    Entry(
        name="digits",
        title="Digits 8x8",
        format="idx",
        folders=(),
        files=(),
        shape=(1, 8, 8),
        classes=DIGITS,
        train=1_500,
        test=297,
        mean=(0.3052,),
        std=(0.3749,),
        augment=("shift",),
        licence="CC BY 4.0",
        source="Alpaydin and Kaynak 1998, UCI, doi 10.24432/C50P49; embedded in the package",
    ),
    Entry(
        name="mnist",
        title="MNIST",
        format="idx",
        folders=("MNIST/raw", "mnist", "MNIST"),
        files=(
            File("train-images-idx3-ubyte.gz", 9_912_422, "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873", _MNIST,
                 "md5:6bbc9ace898e44ae57da46a324031adb", "e9f4d8b3"),
            File("train-labels-idx1-ubyte.gz", 28_881, "md5:d53e105ee54ea40749a09fcbcd1e9432", _MNIST,
                 "md5:a25bea736e30d166cdddb491f175f624", "e0cb4ad2"),
            File("t10k-images-idx3-ubyte.gz", 1_648_877, "md5:9fb629c4189551a2d022fa330f9573f3", _MNIST,
                 "md5:2646ac647ad5339dbf082846283269ea", "91373bdf"),
            File("t10k-labels-idx1-ubyte.gz", 4_542, "md5:ec29112dd5afa0611ce80d1b7f02629c", _MNIST,
                 "md5:27ae3e4e09519cfbb04c329615203637", "4ab9eff9"),
        ),
        shape=(1, 28, 28),
        classes=DIGITS,
        train=60_000,
        test=10_000,
        mean=(0.1307,),
        std=(0.3081,),
        augment=(),
        licence="CC BY-SA 3.0",
        source="LeCun, Cortes, Burges 1998",
    ),
    Entry(
        name="fashion-mnist",
        title="Fashion-MNIST",
        format="idx",
        folders=("FashionMNIST/raw", "fashion-mnist", "FashionMNIST"),
        files=(
            File("train-images-idx3-ubyte.gz", 26_421_880, "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d", _FASHION,
                 "md5:f4a8712d7a061bf5bd6d2ca38dc4d50a", "b4f29f28"),
            File("train-labels-idx1-ubyte.gz", 29_515, "md5:25c81989df183df01b3e8a0aad5dffbe", _FASHION,
                 "md5:9018921c3c673c538a1fc5bad174d6f9", "741a4657"),
            File("t10k-images-idx3-ubyte.gz", 4_422_102, "md5:bef4ecab320f06d8554ea6380940ec79", _FASHION,
                 "md5:8181f5470baa50b63fa0f6fddb340f0a", "678fe0b1"),
            File("t10k-labels-idx1-ubyte.gz", 5_148, "md5:bb300cfdad3c16e7a12a480ee83cd310", _FASHION,
                 "md5:15d484375f8d13e6eb1aabb0c3f46965", "80142c1f"),
        ),
        shape=(1, 28, 28),
        classes=(
            "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
        ),
        train=60_000,
        test=10_000,
        mean=(0.2860,),
        std=(0.3530,),
        augment=("mirror",),
        licence="MIT",
        source="Xiao, Rasul, Vollgraf 2017",
    ),
    Entry(
        name="cifar10",
        title="CIFAR-10",
        format="cifar10",
        folders=("cifar-10-batches-bin", "cifar-10-batches-py", "cifar10"),
        files=(
            File(
                "cifar-10-binary.tar.gz", 170_052_171, "md5:c32a1d4ab5d03f1284b67883e8d87530",
                "https://www.cs.toronto.edu/~kriz/",
            ),
        ),
        shape=(3, 32, 32),
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        train=50_000,
        test=10_000,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        augment=("shift", "mirror"),
        licence="not stated",
        source="Krizhevsky 2009",
    ),
)  # fmt: skip


OWN = ("folder:PATH", "classes:PATH", "ilsvrc:PATH", "list:FILE.csv", "idx:PATH", "shards:PATH")
"""How a user names a dataset that no catalogue has; `data.opening` says what reads each."""


def is_known(name: str) -> bool:
    """Return whether the catalogue has an entry for `name`."""
    return any(entry.name == name for entry in DATASETS)


def find(name: str) -> Entry:
    """Return the catalogue's entry for `name`. Raises UserError with the nearest name where there is none."""
    for entry in DATASETS:
        if entry.name == name:
            return entry
    raise unknown(
        "dataset",
        name,
        [*(entry.name for entry in DATASETS), *OWN],
        "alexlab datasets",
    )
