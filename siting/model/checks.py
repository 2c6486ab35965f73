"""What must fit together in a model, beside the rules of each value."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from siting.model.yaml import Problem, value_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from siting.model.file import Written

_SUFFIXES = ("自治县", "区", "县", "市", " qu", " xian", " shi", " district", " county")


def cross_problems(written: Written) -> Iterator[Problem]:
    """
    Yield what doesn't fit together in a model.

    Parameters
    ----------
    written
        The model as written; its values may be of any type yet.
    """
    yield from _sample_without_city(written)
    yield from _unknown_districts(written)
    yield from _targets(written)


def _sample_without_city(written: Written) -> Iterator[Problem]:
    if _source(written, "roads") in (None, "sample") and not _city(written):
        key = ("area", "city")
        cure = "Name a Chinese city, or give a road file in `sources.roads`"
        yield Problem(written.where(key), key, "the sample roads need a city", cure=cure)


def _unknown_districts(written: Written) -> Iterator[Problem]:
    """Districts that aren't in the census table, for the cities that are."""
    from siting.facts import district_table, english_city  # noqa: PLC0415

    chosen = written.value(("area", "districts"))
    source = _source(written, "districts")
    city = english_city(_city(written)) if _city(written) else ""
    if not city or not isinstance(chosen, (list, tuple)) or source not in (None, "cnmaps"):
        return
    table = district_table()
    rows = table[(table["city_en"] == city) & (table["has_polygon"] == 1)]
    names = rows["name_zh"].tolist()
    known = {_plain(str(name)) for name in (*names, *rows["name_pinyin"].dropna())}
    known.update(rows["adcode"])
    for position, name in enumerate(chosen):
        if _plain(str(name)) not in known:
            key = ("area", "districts", position)
            near = get_close_matches(str(name), [*names, *rows["name_pinyin"].dropna()], n=3)
            cure = f"Did you mean {' or '.join(near)}?" if near else f"Known: {'、'.join(names)}"
            what = f"{city} has no such district"
            yield Problem(written.where(key), key, what, value_text(name), cure)


def _targets(written: Written) -> Iterator[Problem]:
    """Targets that are there twice, or come from the documents of another city."""
    from siting.clauses import clauses  # noqa: PLC0415
    from siting.facts import english_city  # noqa: PLC0415

    targets = written.value(("targets",))
    city = english_city(_city(written)) if _city(written) else ""
    cities = {clause.id: clause.document.city for clause in clauses()}
    seen: dict[object, int] = {}
    for position, target in enumerate(targets if isinstance(targets, (list, tuple)) else ()):
        if not isinstance(target, dict):
            continue
        key = ("targets", position)
        clause = str(target.get("clause", ""))
        pair = (clause, str(target.get("measure", "")))
        if pair in seen:
            what = f"the same as targets[{seen[pair]}]"
            yield Problem(written.where(key), key, what, " ".join(pair), "Keep one of them")
        seen.setdefault(pair, position)
        if city and cities.get(clause, city) != city:
            yield Problem(
                written.where((*key, "clause")),
                (*key, "clause"),
                f"this is a clause of {cities[clause]}, and the model plans {city}",
                clause,
                "Take a clause of the city, or leave it out for a target of your own",
            )


def _source(written: Written, kind: str) -> object:
    """Return the word or file of a source, written short or as a mapping."""
    value = written.value(("sources", kind))
    return value.get("file") if isinstance(value, dict) else value


def _city(written: Written) -> str:
    city = written.value(("area", "city"))
    return str(city).strip() if isinstance(city, (str, int)) else ""


def _plain(name: str) -> str:
    """Return a district's name without what kind it is, so that 历下 is 历下区."""
    text = name.strip().casefold()
    suffix = next((s for s in _SUFFIXES if text.endswith(s) and len(text) > len(s) + 1), "")
    return text.removesuffix(suffix)
