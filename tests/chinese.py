"""Which text is Chinese, and which English sentences a page shows a Chinese reader."""

from __future__ import annotations

import re
from html.parser import HTMLParser

HAN = re.compile(r"[\u4e00-\u9fff]")
WORD = re.compile(r"[A-Za-z][a-z']+")
RUN = re.compile(r"(?:[A-Za-z][A-Za-z']*[ ,;:]+){3,}[a-z']+")
"""Four words of Latin letters in a row, the last in small letters."""
VOID = {"br", "col", "meta", "link", "input", "img", "rect", "path", "hr"}


def is_chinese(text: str) -> bool:
    """Tell whether a text is a Chinese sentence, whatever names and units stand in it."""
    return bool(HAN.search(text)) and not english(text)


def english(text: str) -> list[str]:
    """Return the stretches of a text that are English sentences or parts of them."""
    return [match.group() for match in RUN.finditer(text)]


class Shown(HTMLParser):
    """
    The text that a page shows one language's reader.

    Parameters
    ----------
    hidden
        Class of what the reader doesn't see.
    """

    def __init__(self, hidden: str) -> None:
        super().__init__()
        self.hidden, self.depth, self.skip, self.texts = hidden, 0, 0, []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Go into an element."""
        if tag in VOID:
            return
        classes = (dict(attrs).get("class") or "").split()
        self.depth += 1
        if not self.skip and (self.hidden in classes or tag in {"style", "script"}):
            self.skip = self.depth

    def handle_endtag(self, tag: str) -> None:
        """Come out of an element."""
        if tag in VOID:
            return
        if self.skip == self.depth:
            self.skip = 0
        self.depth -= 1

    def handle_data(self, data: str) -> None:
        """Keep text that is shown."""
        if not self.skip and data.strip():
            self.texts.append(" ".join(data.split()))


def shown_texts(page: str, hidden: str) -> list[str]:
    """Return the texts of a page without elements of the class `hidden`."""
    parser = Shown(hidden)
    parser.feed(page)
    return parser.texts
