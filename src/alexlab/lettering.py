"""Letters in pictures: a name is drawn as it is written, in fonts that have its letters."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from alexlab.showing import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.ft2font import FT2Font

EXTRA = "noto_cjk_sans_jp_regular"
"""The package of `alexlab[cjk]`: one font with the letters of Chinese, Japanese and Korean."""

FIRST_UNSURE = (
    0x700  # the font that comes with matplotlib has the letters of Latin, Greek, Cyrillic, Hebrew and Arabic before it
)


def undrawn(texts: Iterable[str]) -> str:
    """Return the letters of some texts that no font has, in the order in which they come."""
    letters = dict.fromkeys(letter for text in texts for letter in shown(text) if ord(letter) >= FIRST_UNSURE)
    return "".join(letters) if not letters else _fonts_for("".join(letters))[1]


def advice(letters: str, by_number: bool = False) -> str:
    """Return what is said of letters that no font has; by their numbers alone where they would be boxes."""
    numbers = [f"U+{ord(letter):04X}" if by_number else letter for letter in letters[:4]]
    more = f" and {len(letters) - 4:,} more" if len(letters) > 4 else ""
    eastern = any(re.match("CJK|HANGUL|HIRAGANA|KATAKANA", unicodedata.name(letter, "")) for letter in letters)
    mend = "`pip install alexlab[cjk]` brings one" if eastern else "install one, such as Noto's, for their language"
    return f"no installed font has {', '.join(numbers)}{more}: boxes in pictures; {mend}."


@contextmanager
def lettered(figure: Figure) -> Iterator[None]:
    """Make every text of a figure be drawn as it is written: between dollars stands no formula, and each letter is in a font that has it.

    What no font has is a box, and the figure says so at its lower edge. To be entered around the figure's drawing.
    """
    from matplotlib.text import Text

    texts = figure.findobj(Text)
    written = sorted({letter for text in texts for letter in text.get_text() if ord(letter) >= FIRST_UNSURE})
    families, missing = _fonts_for("".join(written)) if written else ((), "")
    if missing:
        texts.append(figure.supxlabel(advice(missing, by_number=True), x=0.01, ha="left", fontsize=6, wrap=True))
    for text in texts:
        text.set_parse_math(False)
        if families:
            text.set_fontfamily([*text.get_fontfamily(), *families])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # is said in the figure
        yield


@cache
def _fonts_for(letters: str) -> tuple[tuple[str, ...], str]:
    """Return families of fonts that together have the letters that the usual font lacks, and those that none has."""
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    usual = FT2Font(font_manager.findfont(font_manager.FontProperties()))
    missing = {letter for letter in letters if not usual.get_char_index(ord(letter)) and not _invisible(letter)}
    families: list[str] = []
    places = iter((_packaged(), font_manager.findSystemFonts()))
    while missing and (place := next(places, None)) is not None:
        fonts = {path: font for path in place if (font := _opened(path))}
        while missing:
            has = {path: {each for each in missing if font.get_char_index(ord(each))} for path, font in fonts.items()}
            best = max(has, key=lambda path: (len(has[path]), fonts[path].style_name == "Regular", path), default=None)
            if best is None or not has[best]:
                break
            font_manager.fontManager.addfont(best)
            families.append(fonts[best].family_name)
            missing -= has[best]
    return tuple(families), "".join(letter for letter in letters if letter in missing)


def _invisible(letter: str) -> bool:
    """Whether a letter is drawn by its neighbours, if at all: joiners, variation selectors."""
    return unicodedata.category(letter) in ("Cf", "Mn", "Zs")


def _packaged() -> list[str]:
    spec = find_spec(EXTRA)
    folders = spec.submodule_search_locations if spec else None
    return [str(path) for folder in folders or () for path in sorted(Path(folder).glob("*.otf"))]


def _opened(path: str) -> FT2Font | None:
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):  # of a kind that matplotlib does not read
        return None
    return None if "lastresort" in font.family_name.lower() else font  # has a box for each letter of all
