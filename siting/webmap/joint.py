"""What the map page shows of one budget over all programmes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def joint_summary(run: Mapping[str, Any]) -> dict[str, Any] | None:
    """
    Return status, gap, money and the years of the joint plan, None where there is none.

    Parameters
    ----------
    run
        The run record.
    """
    joint = run.get("joint")
    if joint is None:
        return None
    years = [] if joint["years"] is None else joint["years"]["by_year"]
    return {
        "status": str(joint["status"]),
        "share": float(joint["shortfall"]["share"]),
        "gap": float(joint["gap"]),
        "total_cny": joint["money"]["total_cny"],
        "spent_cny": int(joint["money"]["spent_cny"]),
        "years": [
            {
                "year": int(row["year"]),
                "spent_cny": int(row["spent_cny"]),
                "stations": float(row["in_all"]["stations"]),
                "piles": float(row["in_all"]["piles"]),
            }
            for row in years
        ],
    }
