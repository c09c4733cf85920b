"""The one error that the user can mend. Anything else that escapes is a bug of alexlab."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something the user gave is wrong. The message says what was found, where, what was expected and how to mend it.

    The command line prints the message and ends with exit code 2.
    """


def unknown(kind: str, name: str, known: Iterable[str], mend: str = "") -> UserError:
    """Make an error for `name`, which is no `kind`, that offers the nearest known name.

    `mend` is the command that lists what is known.
    """
    known = sorted(known)
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    offer = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}."
    return UserError(f"unknown {kind} {name!r}: {offer}" + (f" `{mend}` lists them." if mend else ""))
