"""District and city names: with and without their suffix, Chinese and English, and near ones."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from siting.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SUFFIX = re.compile(r"(特别行政区|自治州|地区|林区|[市区县盟旗州])$")
_KIND_EN = re.compile(r"\s+(qu|xian|shi|district|county|city)$")


def without_kind(name: str) -> str:
    """Return a name folded, without an English or Pinyin word for its kind (`Lixia Qu`)."""
    return _KIND_EN.sub("", name.casefold())


def plain(name: str) -> str:
    """Return a name without its administrative suffix, folded."""
    text = without_kind(name.strip())
    return _SUFFIX.sub("", text) if len(text) > 2 else text  # noqa: PLR2004  (沙市, 矿区 stay whole)


def nearest(text: str, names: Iterable[str]) -> list[str]:
    """Return the names that look most like a text, at most five."""
    by_fold = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(text.casefold(), list(by_fold), n=5, cutoff=0.4)
    return [by_fold[name] for name in near]


def match_districts(
    chosen: tuple[str, ...], ids: list[str], names: list[tuple[str, str]], *, where: str
) -> list[int]:
    """Return the rows that the chosen names or ids mean, in row order, each once."""
    by_key: dict[str, int] = {}
    for row, (code, pair) in enumerate(zip(ids, names, strict=True)):
        for key in (plain(pair[1]), pair[1].casefold(), plain(pair[0]), pair[0], code):
            by_key[key] = row
    by_key.pop("", None)
    rows = set()
    for name in chosen:
        text = name.strip()
        found = [by_key[k] for k in (text, text.casefold(), plain(text)) if k in by_key]
        if not found:
            near = nearest(text, [n for pair in names for n in pair if n])
            known = near or [pair[0] or code for code, pair in zip(ids, names, strict=True)][:8]
            raise InputError(
                f"{where} has no such district",
                where="area.districts",
                value=name,
                cure=f"Did you mean {', '.join(known)}?",
            )
        rows.add(found[0])
    return sorted(rows)
