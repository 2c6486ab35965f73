"""What a model's inputs hold and what is wrong with them, before anything is solved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting.city.catalog import lines_to_add
from siting.city.layers import read_own_layers
from siting.city.reading import city_of
from siting.city.sources import Problems, gather
from siting.datum import geodesic_length_m
from siting.errors import InputError
from siting.files import sha256_of
from siting.frames import ROAD_CLASSES
from siting.model.sources import SOURCE_WORDS

if TYPE_CHECKING:
    from siting.city.reading import City
    from siting.model.model import Model

_DISTRICTS = 15


@dataclass(frozen=True, slots=True)
class Survey:
    """
    What was read.

    Attributes
    ----------
    lines
        What the inputs hold, one sentence each.
    problems
        All that is wrong with them, each with file, value and cure; empty: the model can be
        planned.
    """

    lines: tuple[str, ...]
    problems: tuple[str, ...]


def survey(model: Model, *, cache: Path) -> Survey:
    """
    Read every input of a model and say what it holds.

    Parameters
    ----------
    model
        The planning model.
    cache
        Folder for the sample city.

    Returns
    -------
    survey
        Kilometres by road class, sites by kind, people by district, rows of own layers, notes; and
        what is wrong with any of them, together.
    """
    wrong = Problems(collect=True)
    found = gather(model, cache=cache, problems=wrong)
    lines: tuple[str, ...] = ()
    if found is not None:
        city = wrong.run(city_of, model, found)
        if city is not None:
            own = wrong.run(read_own_layers, city)
            read = city if own is None else own[0]
            folder = Path(model.sources.roads.folder or ".")
            told = lines_to_add(read.inputs, folder, _places(model))
            lines = (*city_lines(read), *told)
    # A file that is read twice is wrong once.
    return Survey(lines, tuple(dict.fromkeys(str(error) for error in wrong.found)))


def _places(model: Model) -> dict[str, Path]:
    """Return where the files that `sources` names lie, by sha256."""
    specs = [model.sources.of(kind) for kind in SOURCE_WORDS]
    files = [Path(spec.file) for spec in specs if spec.is_file]
    return {sha256_of(file): file for file in files if file.is_file()}


def city_lines(city: City) -> tuple[str, ...]:
    """Say what a city's inputs hold, one sentence each."""
    frame, facilities = city.map.roads.frame, city.map.facilities
    km = pd.Series(geodesic_length_m(frame.geometry.to_numpy()) / 1000)
    by_class = km.groupby(frame["highway"].to_numpy()).sum()
    classes = [f"{name} {by_class[name]:,.0f}" for name in ROAD_CLASSES if name in by_class]
    kinds = facilities["kind"].value_counts()
    signals = city.map.roads.signals["kind"].value_counts()
    return (
        f"read: {city.text}",
        f"km of ways by class: {', '.join(classes)}",
        f"places by kind: {_counts(kinds) or 'none'}",
        f"control points: {_counts(signals) or 'none'}",
        _buildings(city),
        _people(city),
        *_layers(city),
        *(f"note: {note}" for note in city.notes),
    )


def _counts(counts: pd.Series) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _buildings(city: City) -> str:
    """Say how many buildings are known and how much of them."""
    found = city.map.buildings
    if found is None:
        return "buildings: not read"
    known = (found["levels"].notna() | found["height_m"].notna()).sum()
    return (
        f"buildings: {len(found):,}, {known:,} of them with storeys or height; "
        f"by use: {_counts(found['use'].value_counts()) or 'none'}"
    )


def _people(city: City) -> str:
    """Say how many people live in each district that is planned."""
    people = city.districts["population"].to_numpy(dtype=float)
    known = np.isfinite(people)
    names = city.districts["name"].where(city.districts["name"] != "", city.districts.district_id)
    each = [f"{name} {count:,.0f}" for name, count in zip(names[known], people[known], strict=True)]
    more = f" and {len(each) - _DISTRICTS} more districts" if len(each) > _DISTRICTS else ""
    if not each:
        return "people: not known; give `area.population` or districts with a census"
    unknown = f"; not known in {int((~known).sum())} districts" if not known.all() else ""
    return f"people: {people[known].sum():,.0f} ({', '.join(each[:_DISTRICTS])}{more}){unknown}"


def _layers(city: City) -> list[str]:
    """Say how many rows own layers have and what is known of each file."""
    lines = [f"{kind}: {len(frame):,} rows" for kind, frame in city.layers.items()]
    for record in city.inputs:
        date = f", {record['date']}" if record.get("date") else ""
        lines.append(
            f"file: {record['path']}, {record['datum']}, {record['source']}, "
            f"{record['licence']}{date}"
        )
    return lines


def refuse_problems(found: Survey, where: str) -> None:
    """
    Raise when a survey found anything wrong.

    Raises
    ------
    InputError
        With all of it.
    """
    if found.problems:
        number = "a mistake" if len(found.problems) == 1 else f"{len(found.problems)} mistakes"
        listed = "".join(f"\n  - {problem}" for problem in found.problems)
        raise InputError(f"the inputs have {number}{listed}", where=where)
