"""Complexity grade of a road section for tests, by the rule in `data/test_road_grades.csv`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from siting.errors import InputError
from siting.facts import road_grades

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd


def graded(
    traits: pd.DataFrame, rules: pd.DataFrame | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
    """
    Give road sections points and a grade of complexity.

    Each indicator gives the points of the highest step that its value reaches; the grade is the
    highest one that the sum reaches. That grades come from quantifiable indicators and roads are
    opened from simple to complex is the method of Shenzhen's technical guideline on opened roads
    (2025); the steps are the planner's own, an editable table.

    Parameters
    ----------
    traits
        One row a section, a column an indicator.
    rules
        Rows of `data/test_road_grades.csv`; that table when left out.

    Returns
    -------
    points
        Sum over the indicators, shape (e,).
    grade
        Id of the grade (`I` the simplest), shape (e,).

    Raises
    ------
    InputError
        The table asks for an indicator that sections don't have, or grades no section.
    """
    table = road_grades() if rules is None else rules
    steps = table[table["part"] == "indicator"]
    unknown = sorted(set(steps["id"]) - set(traits.columns))
    if unknown:
        raise InputError(
            "a grade of test roads asks for an unknown indicator",
            where="test_road_grades.csv",
            value=unknown[0],
            cure=f"Use some of {', '.join(sorted(traits.columns))}",
        )
    points = np.zeros(len(traits), dtype=np.int64)
    for indicator, rows in steps.groupby("id", sort=True):
        points += _stepped(
            traits[str(indicator)].to_numpy(dtype=float),
            rows["at_least"].to_numpy(dtype=float),
            rows["points"].to_numpy(dtype=np.int64),
        )
    grades = table[table["part"] == "grade"].sort_values("at_least")
    least = grades["at_least"].to_numpy(dtype=float)
    if len(least) == 0 or least[0] > 0:
        raise InputError(
            "no grade of test roads begins at 0 points",
            where="test_road_grades.csv",
            cure="Give the simplest grade `at_least` 0",
        )
    at = np.searchsorted(least, points, side="right") - 1
    return points, grades["id"].to_numpy(dtype=object)[at]


def _stepped(
    value: npt.NDArray[np.float64],
    at_least: npt.NDArray[np.float64],
    points: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Points of the highest step reached, 0 below the first."""
    order = np.argsort(at_least, kind="stable")
    at = np.searchsorted(at_least[order], value, side="right")
    gained: npt.NDArray[np.int64] = np.concatenate([np.zeros(1, dtype=np.int64), points[order]])
    return gained[at]
