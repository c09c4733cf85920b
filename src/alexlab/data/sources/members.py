"""What lies in an archive, by the same rules for each format: names that stay within it, hidden ones, links."""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from alexlab.data.sources.names import FOLDER_AGAIN, HIDDEN, Names, hidden
from alexlab.errors import UserError
from alexlab.regular import MOST_FILES

LONGEST_NAME = 4096
MOST_LINKS = 40  # from one to the next, as Linux has it

P = TypeVar("P")


@dataclass
class Members(Generic[P]):
    """What lies in an archive.

    Attributes:
        places: of each regular file, and of each link to one, by its name.
        folders: those of `places`, and empty ones.
        left_out: what is hidden, and links to folders, by the reason.
        same: names of one and the same file, the file itself first; a tuple for each that has several.
    """

    places: dict[str, P] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    left_out: Names = field(default_factory=dict)
    same: tuple[tuple[str, ...], ...] = ()


def gathered(found: Iterable[tuple[str, str, P, str]], path: Path) -> Members[P]:
    """Return what lies in an archive.

    Args:
        found: of each member its name, its kind, its place, and what it links to: "link" from where it lies, "hard link" from the top.

    Raises:
        UserError: a name or a link leads out of the archive, or a member is neither file nor folder nor link.
    """
    members: Members[P] = Members()
    places, folders = members.places, members.folders
    skipped: set[str] = set()
    behind: dict[str, P] = {}  # hidden files, which links may show
    links: dict[str, str] = {}
    for given, kind, place, target in found:
        if len(places) + len(folders) > MOST_FILES:
            raise UserError(f"{path}: more than {MOST_FILES:,} files and folders; refused.")
        name = _safe(given, kind, path)
        if unseen := hidden(name):
            skipped.add(unseen)
            if kind == "file":
                behind[name] = place
            continue
        folder = name if kind == "folder" else name.rpartition("/")[0]
        if kind == "file":
            places[name] = place
        elif kind != "folder":
            links[name] = posixpath.normpath(posixpath.join(folder, target) if kind == "link" else target)
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    again: list[str] = []
    same: dict[str, list[str]] = {}
    for name in sorted(links):
        target = _end(name, links)
        if target in places or target in behind:
            same.setdefault(target, []).append(name)
        elif target in folders or target == ".":
            if target == "." or name.startswith(f"{target}/"):
                raise UserError(f"{path}: the member {name!r} is a link back to a folder that it lies in. Refused.")
            again.append(name)
        else:
            raise UserError(
                f"{path}: the member {name!r} is a link to {links[name]!r}, which is no file or folder of the archive. Refused."
            )
    found_again = [(target, *names) if target in places else tuple(names) for target, names in sorted(same.items())]
    everything = {**places, **behind} if behind else places
    places.update({name: everything[target] for target, names in same.items() for name in names})
    members.left_out = {HIDDEN: sorted(skipped), FOLDER_AGAIN: again}
    members.same = tuple(each for each in found_again if len(each) > 1)
    return members


def _end(name: str, links: dict[str, str]) -> str:
    """Return where a link ends, which links to links may lead to."""
    for _ in range(MOST_LINKS):
        if name not in links:
            break
        name = links[name]
    return name


def _safe(name: str, kind: str, archive: Path) -> str:
    """Return the member's path, without a leading "./"; refused where it could lead out of the archive's folder."""
    parts = name.split("/")
    if len(name) > LONGEST_NAME:
        raise UserError(f"{archive}: a member's name is {len(name):,} characters long; the archive is refused.")
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise UserError(f"{archive}: the member {name!r} escapes from the archive's folder; the archive is refused.")
    if kind not in ("file", "folder", "link", "hard link"):
        raise UserError(f"{archive}: the member {name!r} is a {kind}; only files and folders are read. Refused.")
    return "/".join(part for part in parts if part not in ("", "."))
