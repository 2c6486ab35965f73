"""Transformers are the least standard size that carries the load."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siting.charging.transformer import STANDARD_KVA, transformer_kva
from siting.verify.service import _least_kva


def _one(installed_kw: float) -> int:
    return int(transformer_kva([installed_kw], simultaneity=0.65, power_factor=0.95)[0])


@pytest.mark.parametrize(
    ("kw", "kva"),
    [
        (0.0, 0),
        (1.0, 100),
        (10 * 60.0, 500),  # 410.5
        (100 * 0.95 / 0.65, 100),
        (100 * 0.95 / 0.65 + 0.1, 125),
        (2500 * 0.95 / 0.65, 2500),
        (2500 * 0.95 / 0.65 + 1, 2 * 1600),  # two of 1,250.3 kVA each
        (4800 * 0.95 / 0.65, 2 * 2500),
        (5100 * 0.95 / 0.65, 3 * 2000),
    ],
)
def test_known_loads_get_their_size(kw: float, kva: int) -> None:
    assert _one(kw) == kva


def test_sizes_are_the_r10_series() -> None:
    exact = 100 * 10 ** (np.arange(len(STANDARD_KVA)) / 10)
    assert np.array(STANDARD_KVA) == pytest.approx(exact, rel=0.015)


@given(st.floats(0.5, 40_000.0))
def test_the_size_carries_the_load_and_no_smaller_one_does(kw: float) -> None:
    load, kva = kw * 0.65 / 0.95, _one(kw)
    units = next(n for n in range(1, 99) if kva % n == 0 and kva // n in STANDARD_KVA)
    assert kva >= load * (1 - 1e-6)
    smaller = [size for size in STANDARD_KVA if size < kva / units]
    assert all(units * size < load for size in smaller)


@given(st.floats(0.0, 60_000.0))
def test_the_checker_comes_to_the_same_by_its_own_way(kw: float) -> None:
    assert _one(kw) == _least_kva(kw * 0.65 / 0.95)
