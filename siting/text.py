"""Text from outside made safe for file names, scripts, spreadsheets and labels."""

from __future__ import annotations

import json
import re
import unicodedata

SLUG_LENGTH = 64
CELL_LENGTH = 32_767
"""Most characters that a spreadsheet cell holds (xlsx and Excel's limit)."""

_SLUG_BYTES = 200
_RESERVED = re.compile(r"(?i)con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?%?")
# Characters that are no text in XML 1.0, which xlsx is.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Excel also reads the full-width forms as the start of a formula in East Asian locales.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_BIDI = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
_SCRIPT = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


def slug(name: str, fallback: str = "unnamed") -> str:
    r"""
    Return a name that is safe as a file or folder name on any system.

    Keeps letters and digits of all scripts, so 济南市 stays 济南市; everything else becomes `-`.

    Parameters
    ----------
    name
        Any text.
    fallback
        Returned when nothing of the name is left.

    Returns
    -------
    str
        Matches `[\w-]{1,64}`, at most 200 bytes as UTF-8, never a reserved device name.
    """
    text = unicodedata.normalize("NFKC", name)
    text = re.sub(r"[^\w-]+", "-", text)
    text = re.sub(r"-{2,}", "-", text).strip("-")[:SLUG_LENGTH]
    text = text.encode("utf-8", "ignore")[:_SLUG_BYTES].decode("utf-8", "ignore").strip("-")
    if not text:
        return fallback
    return f"{text}_" if _RESERVED.fullmatch(text) else text


def json_for_script(value: object) -> str:
    r"""
    Return a value as JSON that is safe inside an HTML `<script>` element.

    `<`, `>`, `&`, U+2028, U+2029 and lone surrogates are written as `\uXXXX`, so that no text can
    end the script, open a comment or break a line; the parsed value is the same. NumPy scalars
    and arrays are written as numbers and lists.

    Raises
    ------
    ValueError
        A number is NaN or infinite, which JSON can't hold.
    TypeError
        The value holds something that isn't JSON.
    """
    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain_number
    )
    return _SCRIPT.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def cell(value: object) -> object:
    """
    Return a value that a spreadsheet shows as it is and never runs.

    Text that a spreadsheet would take for a formula gets a leading `'`; text that is a plain
    number is left alone. Characters that xlsx can't hold are dropped, long text is clipped.
    Everything but text is returned unchanged.
    """
    if not isinstance(value, str):
        return value
    text = _NO_XML.sub("", value)
    if text.lstrip(" \u3000\xa0").startswith(_FORMULA) and not _NUMBER.fullmatch(text):
        text = f"'{text}"
    return text if len(text) <= CELL_LENGTH else f"{text[: CELL_LENGTH - 1]}…"


def clip(text: str, most: int = 60) -> str:
    """
    Return text as one clean line of at most `most` characters, `…` where it was cut.

    Control characters and direction marks, with which a name can disguise itself, are dropped.

    Raises
    ------
    ValueError
        `most` is less than 1.
    """
    if most < 1:
        raise ValueError(f"a text can't be clipped to {most} characters")
    line = _BIDI.sub("", _NO_XML.sub(" ", text).replace("\x7f", " "))
    line = " ".join(line.split())
    if len(line) <= most:
        return line
    end = most - 1
    # A mark belongs to the letter before it.
    while end > 0 and unicodedata.combining(line[end]):
        end -= 1
    return f"{line[:end].rstrip()}…"


def _plain_number(value: object) -> object:
    """Turn NumPy scalars and arrays into Python's own, without importing NumPy."""
    plain = getattr(value, "tolist", None)
    if callable(plain):
        return plain()
    raise TypeError(f"{type(value).__name__} can't be written as JSON")
