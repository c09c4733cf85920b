"""Text whose encoding nobody says: UTF-8 with or without a mark, UTF-16, or what the languages of the world used before."""

import codecs
import os
import re
import unicodedata
from pathlib import Path

from alexlab.errors import UserError
from alexlab.regular import check_regular

MARKS = (
    (codecs.BOM_UTF8, "utf_8_sig"),
    (codecs.BOM_UTF32_LE, "utf_32"),
    (codecs.BOM_UTF32_BE, "utf_32"),
    (codecs.BOM_UTF16_LE, "utf_16"),
    (codecs.BOM_UTF16_BE, "utf_16"),
)
"""Of UTF-32 before UTF-16, whose mark begins alike."""

OLDER = ("cp1252", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "cp1250", "cp1251", "cp1253", "cp1254")
"""Encodings that are tried on what is no UTF-8, the commoner first."""

OF_LANGUAGE = {
    "zh": "gb18030", "zh_TW": "big5", "zh_HK": "big5", "ja": "shift_jis", "ko": "euc_kr", "tr": "cp1254", "el": "cp1253",
    "pl": "cp1250", "cs": "cp1250", "sk": "cp1250", "hu": "cp1250", "ru": "cp1251", "uk": "cp1251", "bg": "cp1251",
}  # fmt: skip
"""What a user of a language would have: it decides between encodings that fit a text equally well."""

SAMPLE = 1 << 16  # bytes of words from which an encoding is told


def read_text(path: Path) -> tuple[str, str]:
    """Return the text of a file and its encoding, `utf_8` where it is UTF-8. Raises UserError where it is no text."""
    check_regular(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from error
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UserError(f"{path}: holds a spreadsheet; save it as CSV.")
    encoding = next((name for mark, name in MARKS if data.startswith(mark)), None) or _without_mark(data)
    try:
        return data.decode(encoding or "utf_8"), encoding or "utf_8"
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text ({error}). Save it as CSV in UTF-8.") from error


def _without_mark(data: bytes) -> str | None:
    if (zeros := data.count(0)) > len(data) // 5:  # a Latin text in UTF-16 is half zeros
        return "utf_16_le" if data[1::2].count(0) * 2 > zeros else "utf_16_be"
    try:
        data.decode()
    except UnicodeDecodeError:
        return _older(data)
    return "utf_8"


def _older(data: bytes) -> str | None:
    """Return the encoding in which the words that are not ASCII look most like words; None where it is none."""
    from charset_normalizer import from_bytes  # only for the few lists that need it

    fields = re.findall(rb"[^,;\t|/\\\r\n]*[\x80-\xff][^,;\t|/\\\r\n]*", data)
    words = b"\n".join(dict.fromkeys(fields))[:SAMPLE]
    matches = {name: from_bytes(words, cp_isolation=[name]).best() for name in OLDER if _decodes(data, name)}
    chaos = {name: round(match.chaos, 2) for name, match in matches.items() if match}
    if "cp1252" in matches and "cp1250" in chaos:  # Western and Central European words differ in their accents alone
        chaos["cp1252"] = chaos["cp1250"]
    language = (os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or "").partition(".")[
        0
    ]
    usual = OF_LANGUAGE.get(language) or OF_LANGUAGE.get(language.partition("_")[0])

    def oddness(encoding: str) -> tuple[int, float, bool, int]:
        odd = _odd_words(words.decode(encoding, "ignore"), mixed=encoding in ("shift_jis", "euc_jp"))
        return odd, chaos[encoding], encoding != usual, OLDER.index(encoding)

    return min(chaos, key=oddness, default=None)


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _odd_words(text: str, mixed: bool) -> int:
    """Return how many words are of several scripts, as a wrong encoding makes them; where `mixed`, Chinese and kana are one."""
    words = ({_script(letter, mixed) for letter in word} for word in re.split(r"[\s\d_(),.'-]+", text))
    return sum(len(scripts) > 1 for scripts in words)


def _script(letter: str, mixed: bool) -> str:
    if not unicodedata.category(letter).startswith(("L", "M")):
        return "none"
    script = unicodedata.name(letter, "none").partition(" ")[0]
    return "CJK" if mixed and script in ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA") else script
