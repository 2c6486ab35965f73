"""What was found out about a programme as JSON knows it: no infinity, no NaN."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from siting.explain.parts import PROGRAMMES
from siting.explain.sentences import (
    budget_text,
    collision_text,
    crowd_name,
    crowd_text,
    crowded,
    family_text,
    relaxation_lines,
    sentences,
    slack_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from siting.explain.parts import Part
    from siting.explain.telling import Collision, Explained, Family, Lack, Slack
    from siting.units import Language


def record_of(found: Explained) -> dict[str, Any]:
    """
    Return what was found out as plain values.

    Parameters
    ----------
    found
        What was found out about a programme.

    Returns
    -------
    record
        Amounts are in the unit that stands beside them; None where there is none: a `low` of None
        with `enough_alone` false can't be had by that part alone, a `high` of None wasn't found.
    """
    zh, en = PROGRAMMES[found.programme]
    budget = found.budget
    return {
        "programme": found.programme,
        "zh": zh,
        "en": en,
        "verdict": found.verdict,
        "arithmetic": [{"zh": a, "en": b} for a, b in found.facts],
        "shortfall": {
            "limits_hold": found.limits_hold,
            "least_share": _plain(found.least_share),
            "plan_share": _plain(found.plan_share),
            "proof": found.proof,
            "clauses": [_family(one) for one in found.shortfalls],
        },
        "conflicts": [_collision(one) for one in found.conflicts],
        "least_budget": None
        if budget is None
        else {
            "given_cny": budget.given_cny,
            "low_cny": _plain(budget.low_cny),
            "high_cny": _plain(budget.high_cny),
            "proof": budget.proof,
            "enough": math.isfinite(budget.low_cny),
            "one_percent_less_fails": budget.closed,
            **_both(lambda language: budget_text(budget, language)),
        },
        "slacks": [_slack(one) for one in found.slacks],
        "sentences": {"zh": list(sentences(found, "zh")), "en": list(sentences(found, "en"))},
        "seconds": round(found.seconds, 3),
    }


def _both(text: Callable[[Language], str]) -> dict[str, str]:
    return {"zh": text("zh"), "en": text("en")}


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _part(part: Part) -> dict[str, Any]:
    return {
        "key": part.key,
        "kind": part.kind,
        "clause": part.clause,
        "district": part.district,
        "name_zh": part.zh,
        "name_en": part.en,
        "unit": part.unit,
        "asked": _plain(part.asked),
    }


def _family(one: Family) -> dict[str, Any]:
    return {
        **_part(one.part),
        "count": one.count,
        "of": one.of,
        "short": one.short,
        "members": [_part(member) for member in one.members],
        **_both(lambda language: family_text(one, language)),
    }


def _collision(one: Collision) -> dict[str, Any]:
    lines = {language: relaxation_lines(one, language) for language in ("zh", "en")}
    members = [
        {**_lack(lack), "zh": lines["zh"][n], "en": lines["en"][n]}
        for n, lack in enumerate(one.members)
    ]
    return {
        "proof": one.proof,
        "smallest": one.smallest,
        "only_conflict": one.alone,
        "members": members,
        "crowds": [_crowd(crowd) for crowd in crowded(one)[1]],
        **_both(lambda language: collision_text(one, language)),
    }


def _crowd(crowd: Sequence[Lack]) -> dict[str, Any]:
    """Sum up members of one family that are no step out; they stand among the members too."""
    return {
        "keys": [lack.part.key for lack in crowd],
        "name_zh": crowd_name(crowd, "zh"),
        "name_en": crowd_name(crowd, "en"),
        "proof": crowd[0].proof if len({lack.proof for lack in crowd}) == 1 else "",
        **_both(lambda language: crowd_text(crowd, language)),
    }


def _lack(lack: Lack) -> dict[str, Any]:
    return {
        **_part(lack.part),
        "low": _plain(lack.low),
        "high": _plain(lack.high),
        "share": _plain(lack.share),
        "proof": lack.proof,
        "enough_alone": math.isfinite(lack.low),
        "needed": lack.needed,
    }


def _slack(one: Slack) -> dict[str, Any]:
    return {
        **_part(one.part),
        "level": _plain(one.level),
        "slack": _plain(one.slack),
        "cny_per_unit": one.cny_per_unit,
        **_both(lambda language: slack_text(one, language)),
    }
