"""Find a font that has Chinese, and keep every text to letters that it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from siting.errors import OutputError
from siting.text import clip

if TYPE_CHECKING:
    from collections.abc import Sequence

FAMILIES = (
    *("Source Han Sans SC", "Source Han Sans CN", "Noto Sans CJK SC", "Noto Sans SC"),
    *("PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "DengXian", "SimHei"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Noto Sans CJK JP", "Noto Sans CJK TC"),
    *("AR PL UMing CN", "SimSun", "Noto Serif CJK SC"),
)
"""Families with Chinese letters, the best first."""
LATIN = "DejaVu Sans"
"""Comes with matplotlib; has what a Chinese font lacks."""
PROBE = "济南市充换电设施规划图例淄博青岛"
GETA = "〓"
"""Printers' mark for a letter that isn't in the case."""


@dataclass(frozen=True, slots=True)
class Face:
    """
    The fonts of a sheet.

    Attributes
    ----------
    families
        In the order in which they are asked for a letter.
    letters
        Code points that one of them has.
    """

    families: tuple[str, ...]
    letters: frozenset[int]

    def clean(self, text: object, most: int = 200) -> str:
        """Return a text as one line of letters that the fonts have; others become `GETA`."""
        mark = GETA if ord(GETA) in self.letters else "?"
        line = clip(str(text), most)
        return "".join(c if ord(c) in self.letters or c == " " else mark for c in line)


def chinese_face(families: Sequence[str] = FAMILIES) -> Face:
    """
    Find the first family of this computer that has Chinese letters.

    Raises
    ------
    OutputError
        There is none; a sheet would show boxes for letters.
    """
    from matplotlib.font_manager import fontManager  # noqa: PLC0415  (slow to import)

    known = {entry.name: entry for entry in reversed(fontManager.ttflist) if entry.weight == _PLAIN}
    known = {entry.name: entry for entry in fontManager.ttflist} | known
    probe = {ord(letter) for letter in PROBE}
    for family in families:
        if family in known:
            letters = _letters(known[family])
            if probe <= letters:
                return Face((family, LATIN), frozenset(letters | _letters(known[LATIN])))
    raise OutputError(
        "no font with Chinese letters is installed",
        value=", ".join(families[:4]),
        cure="Install one (Debian: apt install fonts-noto-cjk; conda: font-ttf-noto-cjk or your "
        "system's) and delete matplotlib's cache of fonts",
    )


_PLAIN = 400


def _letters(entry: object) -> set[int]:
    """Return the code points that a font has, of the right face of a collection."""
    from matplotlib.ft2font import FT2Font  # noqa: PLC0415

    path, index = str(getattr(entry, "fname", "")), int(getattr(entry, "index", 0) or 0)
    # Releases of matplotlib before 3.11 read the first face of a collection alone.
    font = FT2Font(path, face_index=index) if index else FT2Font(path)
    return set(font.get_charmap())
