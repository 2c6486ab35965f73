"""The policy clauses in `data/clauses/`, verbatim with what a planner makes of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from siting.facts import data_folder, english_city

if TYPE_CHECKING:
    from collections.abc import Mapping

CLAUSE_OPS = frozenset({">=", ">", "=", "<=", "<", "increase", "built", "complete"})
"""How a clause's metric compares with its value; the last three carry no number."""

CLAUSE_USES = frozenset(
    {"hard", "soft", "objective", "candidate", "parameter", "phasing", "report", "context"}
)
"""What a planner makes of a clause; a reading, not policy text."""


@dataclass(frozen=True, slots=True)
class Document:
    """A policy document; `number` and `date` are empty where the text carries none."""

    id: str
    city: str
    title: str
    number: str
    issuer: str
    date: str
    period: str
    status: str


@dataclass(frozen=True, slots=True)
class Clause:
    """
    One clause of a policy document.

    Attributes
    ----------
    id
        `JN23-06` and the like.
    document
        The document it stands in.
    section
        Where in the document.
    quote
        The document's own words, verbatim but for white space.
    en
        What it says, in English.
    domain, kind
        Its subject, and whether it is a target, requirement, preference, principle, role or
        context.
    use
        One of `CLAUSE_USES`.
    metric
        `indicator`, `op`, `value`, `unit`, `deadline` and sometimes `scope`; empty without one.
    reading, reading_zh
        How a planner reads it in a model, in English and in Chinese.
    """

    id: str
    document: Document
    section: str
    quote: str
    en: str
    domain: str
    kind: str
    use: str
    reading: str
    reading_zh: str
    metric: Mapping[str, Any] = field(default_factory=dict, hash=False)


def _text(value: object) -> str:
    return str(value or "")


@cache
def _documents() -> dict[str, tuple[Clause, ...]]:
    loaded = {}
    for path in sorted((data_folder() / "clauses").glob("*.yaml")):
        with path.open(encoding="utf-8") as stream:
            content = yaml.safe_load(stream)
        head = content["document"]
        names = ("id", "city", "title", "number", "issuer", "date", "period", "status")
        document = Document(**{name: _text(head.get(name)) for name in names})
        loaded[document.id] = tuple(_clause(item, document) for item in content["clauses"])
    return loaded


def _clause(item: dict[str, Any], document: Document) -> Clause:
    return Clause(
        id=item["id"],
        document=document,
        section=_text(item["clause"]),
        quote=item["quote"],
        en=_text(item["en"]),
        domain=item["domain"],
        kind=item["kind"],
        use=item["use"],
        **{name: _text(item[name]) for name in ("reading", "reading_zh")},
        metric=item["metric"] or {},
    )


def clauses(document_or_city: str = "") -> tuple[Clause, ...]:
    """
    Return the clauses of one document, of one city, or all.

    Parameters
    ----------
    document_or_city
        Document id (`JN23`), name or adcode of a city, or empty for all.

    Returns
    -------
    tuple of Clause
        In the order of the documents; empty for a city without documents.
    """
    documents = _documents()
    if document_or_city in documents:
        return documents[document_or_city]
    every = tuple(clause for group in documents.values() for clause in group)
    if not document_or_city:
        return every
    name = english_city(document_or_city)
    return tuple(clause for clause in every if name and clause.document.city == name)


def clause(id_: str) -> Clause:
    """
    Return one clause.

    Parameters
    ----------
    id_
        Clause id such as `JN23-06`.

    Returns
    -------
    Clause
        The clause with its document.

    Raises
    ------
    ValueError
        When there is no such clause; names the nearest ids.
    """
    every = {item.id: item for item in clauses()}
    if id_ in every:
        return every[id_]
    near = get_close_matches(id_.upper(), list(every), n=3, cutoff=0.6)
    hint = f"; near ones are {', '.join(near)}" if near else ""
    raise ValueError(f"{id_!r} is not the id of a clause in data/clauses{hint}")
