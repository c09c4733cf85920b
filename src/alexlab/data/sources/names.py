"""What a file's or a folder's name says, alike for folders, archives, shards and lists: hidden, an image, a part of a dataset."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from PIL import features

from alexlab.errors import UserError

IMAGE_ENDINGS = (
    ".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm",
    ".jfif", ".jpe", ".jif", ".dib", ".pnm", ".apng",
    *((".avif", ".avifs") if features.check("avif") else ()),
    *((".heic", ".heif") if find_spec("pillow_heif") else ()),
)  # fmt: skip
WOULD_READ = {".heic": "alexlab[heic]", ".heif": "alexlab[heic]", ".avif": "-U pillow", ".avifs": "-U pillow"}
"""What pip is to install where files of these endings are not read."""
DOCUMENTS = frozenset(
    (
        ".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".md", ".rst", ".html", ".htm", ".yaml", ".yml", ".toml", ".ini", ".cfg",
        ".log", ".py", ".ipynb", ".sh", ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".mat", ".npy", ".npz", ".h5", ".hdf5", ".pkl",
        ".parquet", ".arrow", ".db", ".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".mp3", ".wav", ".mp4", ".avi", ".mov", ".mkv",
        ".cls", ".lock", ".tmp", ".part", ".crdownload", ".bak", ".orig", ".old",
    )
)  # fmt: skip
"""Endings of files that are no images and lie beside some; nobody looks into them."""

HIDDEN, ENDING, NO_ENDING, BESIDE = "hidden, or a system's", "ending", "no ending, and no image", "beside the classes"
COPIES = "copies, in"
AGAIN, FOLDER_AGAIN = "another link to a file that is there", "a link to a folder that is there"
NAMED = 3  # examples of what is left out

_HIDDEN = re.compile(
    r"(?:^|/)(?:\.[^/]*|__MACOSX|@eaDir|#recycle|lost\+found|Thumbs\.db|ehthumbs\.db|desktop\.ini)(?=/|$)", re.I
)

# TIFF is not among them: raw photographs begin so too, and what is read of them is a small preview.
_BEGINNING = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF.{4}WEBP|BM.{4}\0{4}|P[1-6]\s+\d+\s+\d+\s", re.DOTALL
)
"""How images begin."""

Names = dict[str, list[str]]
"""Names of files by the reason why they are left out."""


@dataclass(frozen=True)
class LeftOut:
    """How many files are left out for one reason, and the names of some."""

    count: int
    examples: tuple[str, ...]


def counted(names: Mapping[str, Sequence[str]]) -> dict[str, LeftOut]:
    """Return how many files are left out for each reason, most first."""
    most_first = sorted(names.items(), key=lambda each: (-len(each[1]), each[0]))
    return {reason: LeftOut(len(each), tuple(sorted(each)[:NAMED])) for reason, each in most_first if each}


def hidden(name: str) -> str | None:
    """Return the outermost part of a path that is hidden, or is what a system leaves among a person's files; None without one."""
    found = _HIDDEN.search(name)
    return name[: found.end()] if found else None


def is_image(name: str) -> bool:
    """Return whether a file is an image, by its name."""
    return name.lower().endswith(IMAGE_ENDINGS)


def ending(name: str) -> str:
    """Return a file's ending in lower case, with its dot; empty where it has none."""
    last = name.rpartition("/")[2].lower()
    dot = last.rfind(".")
    return last[dot:] if dot > 0 and len(last) - dot <= 12 else ""


def is_document(name: str) -> bool:
    """Return whether a file is nothing that anybody takes for an image, by its name."""
    last = ending(name)
    return last in DOCUMENTS or last.endswith("~")


def images_among(names: Iterable[str], start: Callable[[str], bytes] | None, left_out: Names) -> list[str]:
    """Return the names that are images, by their endings, or by how they begin where the ending says nothing; the others join `left_out`.

    Args:
        start: the first bytes of a file.
    """
    images = []
    for name in names:
        if is_image(name) or (start and _begins_as_image(name, start)):
            images.append(name)
        else:
            left_out.setdefault(f"{ENDING} {ending(name)}" if ending(name) else NO_ENDING, []).append(name)
    return images


def _begins_as_image(name: str, start: Callable[[str], bytes]) -> bool:
    if is_document(name) or ending(name) in WOULD_READ:
        return False
    try:
        return bool(_BEGINNING.match(start(name)))
    except UserError:
        return False  # nobody may read it, so nobody misses it


def unread(left_out: Names) -> list[str]:
    """Return a sentence for each kind of images that is left out for want of a library."""
    found = {last: left_out[reason] for last in WOULD_READ if (reason := f"{ENDING} {last}") in left_out}
    return [
        f"{len(names):,} {last} files are left out: `pip install {WOULD_READ[last]}` reads them."
        for last, names in found.items()
    ]


def composed(name: str) -> str:
    """Return a name in Unicode's form NFC, in which what looks alike is alike: macOS writes é as e and an accent."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


PARTS = {
    "train": ("train", "training", "trn", "tr", "trainval", "learn", "learning", "entrenamiento", "treino", "treinamento", "entrainement",
              "apprentissage", "обучение", "обучающая"),
    "val": ("val", "valid", "validation", "validate", "validating", "vali", "dev", "devel", "development", "validacion", "validacao",
            "валидация"),
    "test": ("test", "testing", "tst", "tests", "holdout", "heldout", "eval", "evaluation", "evaluate", "prueba",
             "teste", "тест", "тестовая"),
}  # fmt: skip
"""Words of folders' names, whole or with one of AFFIXES behind them, and the part of a dataset that they say."""
AFFIXES = ("", "s", "set", "sets", "data", "dataset", "images", "image", "imgs", "img", "split", "part", "folder")
WITHIN = {
    "train": ("训练", "訓練", "学習", "훈련", "학습"),
    "val": ("验证", "驗證", "検証", "검증"),
    "test": ("测试", "測試", "テスト", "테스트"),
}
"""Words of languages that do not part words."""

_TOKEN = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORDS = {word + affix: part for part, words in PARTS.items() for word in words for affix in AFFIXES}


UNLABELLED = frozenset(
    ("unlabeled", "unlabelled", "unsup", "unsupervised", "pred", "predict", "prediction", "predictions", "query")
)
"""Words of names of folders whose images have no labels."""


def part(folder: str) -> str | None:
    """Return "train", "val" or "test" where a folder's name says one of them and no other; else None."""
    name = composed(folder)
    found = {_WORDS[token] for token in _tokens(name) if token in _WORDS}
    found |= {each for each, words in WITHIN.items() if any(word in name for word in words)}
    return found.pop() if len(found) == 1 else None


def unlabelled(folder: str) -> bool:
    """Return whether a folder's name says that its images have no labels."""
    return any(token in UNLABELLED for token in _tokens(composed(folder)))


def _tokens(name: str) -> list[str]:
    parted = _CAMEL.sub(" ", name).lower().replace("hold-out", "holdout").replace("held-out", "heldout")
    return [unaccented(token) for token in _TOKEN.findall(parted)]


def unaccented(text: str) -> str:
    """Return a text without the accents on its letters."""
    return (
        text
        if text.isascii()
        else "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    )
