"""Sentences that a run writes for its reader, each in Chinese and in English."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NOTES, NOTES_ZH = "notes", "notes_zh"
"""Where a run record keeps its sentences: lists of the same length, English and Chinese."""


@dataclass(frozen=True, slots=True)
class Said:
    """
    One sentence.

    Attributes
    ----------
    zh, en
        The same in Chinese and in English. `str()` gives the English, for the command line.
    """

    zh: str
    en: str

    def __str__(self) -> str:
        """Return the English."""
        return self.en


NOTHING = Said("", "")
"""Nothing to say."""


def same(text: str) -> Said:
    """Return text that is no language of its own, for example a name or a user's sentence."""
    return Said(text, text)


def joined(parts: Iterable[Said], *, zh: str = "；", en: str = "; ") -> Said:
    """Join sentences by a mark of each language; what says nothing is left out."""
    some = [part for part in parts if part.zh or part.en]
    return Said(zh.join(part.zh for part in some), en.join(part.en for part in some))


def beside(name: str, said: Said) -> Said:
    """Put a name, for example of a file, before a sentence."""
    return Said(f"{name}：{said.zh}", f"{name}: {said.en}")


def noted(
    run: Mapping[str, Any], *, first: Iterable[Said] = (), last: Iterable[Said] = ()
) -> dict[str, Any]:
    """
    Return a run record with more notes.

    Parameters
    ----------
    run
        As run.json.
    first, last
        What is said before and after the notes that it has.
    """
    notes = (*first, *notes_of(run), *last)
    return {**run, NOTES: [note.en for note in notes], NOTES_ZH: [note.zh for note in notes]}


def notes_of(run: Mapping[str, Any]) -> tuple[Said, ...]:
    """
    Return the notes of a run record.

    A record of an older version has them in English alone; that stands for the Chinese then.
    """
    english = [str(note) for note in run.get(NOTES) or ()]
    chinese = [str(note) for note in run.get(NOTES_ZH) or ()]
    return tuple(
        Said(chinese[n] if n < len(chinese) else note, note) for n, note in enumerate(english)
    )


def told(row: Mapping[Any, Any], name: str) -> Said:
    """
    Return what a row of a table says in its columns `name` and `name_zh`.

    A layer of an older version lacks the second; the first stands for it then.
    """
    english = str(row[name] or "")
    return Said(str(row.get(f"{name}_zh") or "") or english, english)
