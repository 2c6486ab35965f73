"""Scenarios of a model, composed of its named overrides."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siting.errors import ModelError
from siting.facts import models_folder
from siting.model.file import find_model
from siting.text import slug

if TYPE_CHECKING:
    from collections.abc import Mapping

    from siting.model.model import Model

BASE = "base"
"""Name of the scenario without overrides."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """
    One question of a sweep.

    Attributes
    ----------
    name
        `base`, the name of a run, or the names of a choice of the grid joined by `-`.
    parts
        Overrides that it is composed of.
    overrides
        What they come to: values that replace the model's, nested as in the YAML, with paths from
        the model's folder made absolute.
    """

    name: str
    parts: tuple[str, ...]
    overrides: Mapping[str, Any]


def scenarios_of(model: str | Path, question: Model) -> tuple[Scenario, ...]:
    """
    Compose the scenarios of a model.

    Parameters
    ----------
    model
        Name or path that the model was loaded by.
    question
        The model.

    Returns
    -------
    scenarios
        The model as it is (`base`), then its runs, then its grid, in the order of the file.

    Raises
    ------
    ModelError
        There are none, or two have one name.
    """
    asked = question.scenarios
    folder = find_model(model, models_folder()).resolve().parent
    chosen = [(BASE, ()), *asked.runs.items()]
    if asked.grid:
        chosen += [("-".join(parts), parts) for parts in product(*asked.grid)]
    names = [name for name, _ in chosen]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ModelError(
            "two scenarios have one name", where=question.name, value=", ".join(twice),
            cure="Rename one of `scenarios.runs`",
        )  # fmt: skip
    if len(chosen) == 1:
        raise ModelError(
            "the model has no scenarios",
            where=question.name,
            cure="Add `scenarios:` with `overrides` and `runs` or `grid`, as models/README.md says",
        )
    return tuple(
        Scenario(name, parts, _composed(question, name, parts, folder)) for name, parts in chosen
    )


def _composed(question: Model, name: str, parts: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """Merge overrides, later ones over earlier, and give the model the scenario's name."""
    values: dict[str, Any] = {}
    for part in parts:
        values = merged(values, question.scenarios.overrides[part])
    here: dict[str, Any] = _placed(values, folder)
    return {**here, "name": slug(f"{question.name}-{name}")[:64]}


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two nested mappings key by key; lists and figures (with a `value`) are taken whole."""
    result = dict(under)
    for name, value in over.items():
        below = result.get(name)
        deeper = isinstance(below, dict) and isinstance(value, dict) and "value" not in value
        result[name] = merged(below, value) if deeper and below is not None else value
    return result


def _placed(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Make the name of every file beside the model absolute."""
    done: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            done[name] = _placed(value, folder)
        elif isinstance(value, str) and Path(value).suffix and (folder / value).is_file():
            done[name] = str((folder / value).resolve())
        else:
            done[name] = value
    return done
