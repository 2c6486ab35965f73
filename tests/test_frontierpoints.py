"""Budgets as text, and where a frontier bends."""

from __future__ import annotations

import numpy as np
import pytest

from siting.errors import ModelError
from siting.frontier.points import knee
from siting.frontier.tracing import parse_budgets


def test_the_middle_of_a_bend_is_the_knee() -> None:
    budgets = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert knee(budgets, np.array([0.0, 4.0, 8.0, 8.5, 9.0])) == 2
    assert knee(budgets, 3 * budgets) is None
    assert knee(budgets[:2], budgets[:2]) is None
    assert knee(budgets, np.full(5, 7.0)) is None


def test_budgets_are_read_as_equal_steps() -> None:
    assert parse_budgets("1e9:3e9:9") == tuple(np.linspace(1e9, 3e9, 9))
    assert parse_budgets("3e7:8e7:4")[1:3] == (46_666_667.0, 63_333_333.0)


@pytest.mark.parametrize("text", ["", "1:2", "3:1:5", "1:2:1", "a:b:3", "-1:2:3", "1:2:1000"])
def test_budgets_that_are_none_are_refused_with_a_cure(text: str) -> None:
    with pytest.raises(ModelError, match="low:high:number"):
        parse_budgets(text)
