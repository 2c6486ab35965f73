"""A sheet to draw on: millimetres from the top left, points for types, metres on the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from siting.printing.fonts import Face
    from siting.printing.layout import Layout

INK, GREY, FAINT = "#1d2730", "#5b6670", "#c9ced2"
MM_A_POINT = 25.4 / 72


@dataclass(frozen=True, slots=True)
class Canvas:
    """
    A sheet.

    Attributes
    ----------
    figure
        matplotlib's.
    page
        Axes over the whole paper, mm.
    chart
        Axes of the map, metres.
    layout, face
        Where things stand and the fonts.
    """

    figure: Figure
    page: Axes
    chart: Axes
    layout: Layout
    face: Face

    def points(self, mm: float) -> float:
        """Return a line width or type size in points that is so many mm on an A3 sheet."""
        return mm * self.layout.unit / MM_A_POINT

    def write(self, x: float, y: float, text: str, size_mm: float = 2.6, **more: Any) -> None:  # noqa: ANN401
        """Write a text whose letters are `size_mm` high, its base line at mm from the top left."""
        style = {"color": INK, "va": "baseline", "ha": "left", **more}
        self.page.text(x, y, self.face.clean(text), fontsize=self.points(size_mm), **style)

    def width_mm(self, text: str, size_mm: float) -> float:
        """Estimate how wide a text is: a Chinese letter is a square, another about half of one."""
        ems = sum(1.0 if ord(letter) > 0x2E80 else 0.58 for letter in text)  # noqa: PLR2004
        return ems * size_mm * self.layout.unit

    def fitted(self, text: str, width_mm: float, size_mm: float) -> str:
        """Return as much of a text as a width takes, with an ellipsis where it was cut."""
        if self.width_mm(text, size_mm) <= width_mm:
            return text
        while text and self.width_mm(f"{text}…", size_mm) > width_mm:
            text = text[:-1]
        return f"{text}…"

    def wrapped(self, text: str, width_mm: float, size_mm: float, most: int) -> list[str]:
        """Break a text into at most so many lines of a width."""
        lines, line = [], ""
        for letter in text:
            if self.width_mm(line + letter, size_mm) > width_mm:
                cut = line.rfind(" ") + 1 if letter.isascii() and letter.isalnum() else 0
                cut = cut or len(line)
                lines.append(line[:cut].rstrip())
                line = line[cut:]
            line += letter
        lines.append(line)
        if len(lines) > most:
            lines = [*lines[: most - 1], self.fitted("".join(lines[most - 1 :]), width_mm, size_mm)]
        return lines
