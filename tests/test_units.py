"""Quantities read as a planner writes them, and never flatter."""

from __future__ import annotations

import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siting import units


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(units).failed == 0


@pytest.mark.parametrize(
    ("cny", "zh", "en"),
    [
        (0, "0 元", "CNY 0"),
        (9_999, "9,999 元", "CNY 9,999"),
        (9_999.6, "1.0 万元", "CNY 10,000"),
        (10_000, "1.0 万元", "CNY 10,000"),
        (99_994_999, "9,999.5 万元", "CNY 100.0 million"),
        (99_999_999, "1.00 亿元", "CNY 100.0 million"),
        (999_999_999, "10.00 亿元", "CNY 1.00 billion"),
        (-25_000_000, "-2,500.0 万元", "CNY -25.0 million"),
        (math.nan, units.UNKNOWN, units.UNKNOWN),
        (math.inf, units.UNKNOWN, units.UNKNOWN),
    ],
)
def test_money_takes_the_unit_of_its_rounded_size(cny: float, zh: str, en: str) -> None:
    assert units.money_text(cny) == zh
    assert units.money_text(cny, "en") == en


@given(st.integers(-(10**12), 10**12))
def test_wan_yuan_is_exact_to_the_yuan(cny: int) -> None:
    assert round(units.wan_yuan(cny) * 10_000) == cny


def test_energies_and_counts() -> None:
    assert units.energy_text(12_000) == "1.2 万 kWh"
    assert units.energy_text(3_600_000, "en") == "3.60 GWh"
    assert units.count_text(22_000) == "22,000"
    assert units.count_text(math.nan) == units.energy_text(math.nan) == units.UNKNOWN


@given(st.floats(0, 2, allow_nan=False), st.integers(0, 3))
def test_percent_never_rounds_up_to_all_nor_down_to_nothing(share: float, decimals: int) -> None:
    text = units.percent_text(share, decimals=decimals)
    shown = float(text.lstrip("<>").rstrip("%"))
    if share < 1:
        assert shown < 100 or text.startswith("<")
    if share > 0:
        assert shown > 0 or text.startswith(">")
    assert abs(shown - 100 * share) <= 10.0**-decimals


def test_percent_examples() -> None:
    assert units.percent_text(1) == "100.0%"
    assert units.percent_text(0) == "0.0%"
    assert units.percent_text(-0.00001) == "0.0%"
    assert units.percent_text(0.0099, "en", 2) == "0.99 %"
    assert units.percent_text(math.nan) == units.UNKNOWN


@given(st.floats(1e-9, 5.0))
def test_a_gap_is_never_told_smaller_than_it_is_nor_a_hundredth_of_a_per_cent_larger(
    gap: float,
) -> None:
    told = float(units.gap_text(gap).strip("<%"))
    assert 100 * gap * (1 - 1e-9) <= told + 1e-9
    assert told <= 100 * gap + 0.01 + 1e-9
    if gap >= 1e-4:
        assert told == pytest.approx(units.gap_percent(gap), abs=1e-9)
    assert units.gap_percent(math.inf) == math.inf
