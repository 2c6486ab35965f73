"""The answer of `siting why` in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from siting.units import money_text
from siting.why.asking import ChosenSite
from siting.wording import measure_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from siting.why.asking import RejectedSite

SHOWN = 5
SHARES = ("_share", "_areas", "townships")
"""How the names of measures end that are shares of one."""


def why_lines(answer: ChosenSite | RejectedSite) -> tuple[str, ...]:
    """
    Say why a site is open or not.

    Parameters
    ----------
    answer
        From `why.why`.

    Returns
    -------
    lines
        One sentence each.
    """
    lines = _chosen(answer) if isinstance(answer, ChosenSite) else _rejected(answer)
    return (f"{answer.site_id} {answer.name}".rstrip(), *lines)


def _chosen(answer: ChosenSite) -> Iterator[str]:
    reason = "the model demands it" if answer.mandatory else "it stands already"
    if answer.lock:
        yield f"open, because a lock demands it ({answer.lock})"
    elif answer.mandatory or answer.status == "kept":
        yield f"open, because {reason}"
    else:
        yield "open, chosen by the programme"
    yield (
        f"serves {answer.served_kwh_day:,.0f} kWh a day for {money_text(answer.cost_cny, 'en')}"
        + (
            f", {answer.cost_per_kwh_cny:,.0f} yuan for a kWh a day"
            if np.isfinite(answer.cost_per_kwh_cny)
            else ""
        )
    )
    named = ", ".join(answer.alone[:SHOWN]) + (" ..." if len(answer.alone) > SHOWN else "")
    yield (
        f"alone within reach of {len(answer.alone):,} demand points with "
        f"{answer.alone_kwh_day:,.0f} kWh a day and {answer.alone_people:,.0f} people"
        + (f": {named}" if named else "")
    )
    yield (
        f"if it closes, {answer.lost_kwh_day:,.1f} kWh a day are lost; its {answer.neighbours:,} "
        "neighbours take over the rest"
    )
    for row in answer.clauses.to_dict("records"):
        share = str(row["measure"]).endswith(SHARES)
        gives = f"{row['gives']:.2%}" if share else f"{row['gives']:g}"
        name = measure_name(str(row["measure"]))[1]
        needed = "missed without it" if row["needed"] else "met without it"
        yield f"counts {gives} towards {row['clause'] or 'own'} {name}, {needed}"
    if answer.named_clauses:
        yield f"its kind of site comes from {answer.named_clauses}"


def _rejected(answer: RejectedSite) -> Iterator[str]:
    if answer.obstacles:
        yield f"not open, and can't be: {'; '.join(answer.obstacles)}"
        return
    yield "not open"
    yield (
        f"reaches {answer.reach_kwh_day:,.0f} kWh a day, of which the plan leaves "
        f"{answer.unserved_kwh_day:,.0f} unserved"
    )
    if answer.swaps.empty:
        yield "there is no new station near that it could replace"
    for number, row in enumerate(answer.swaps.head(SHOWN).to_dict("records")):
        change, cost = row["served_change_kwh_day"], row["cost_change_cny"]
        yield (
            f"{'best swap' if number == 0 else 'next'}: in place of {row['site_id']} "
            f"{row['name']} ({row['distance_m']:,.0f} m away) with {row['sizes']}: "
            f"{change:+,.1f} kWh a day served, {'+' if cost > 0 else '-' if cost < 0 else ''}"
            f"{money_text(abs(cost), 'en')}"
            + (f"; misses {row['misses']}" if row["misses"] else "")
        )
    if answer.passed_over:
        yield f"{answer.passed_over} stations near can't be replaced by it within its limits"
