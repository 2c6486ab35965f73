"""Waits agree with the factorial formula, with simulation and with known values."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siting.charging.queueing import (
    erlang_c,
    segment_energy,
    shared_energy,
    station_queues,
    waiting_columns,
    waiting_note,
)
from siting.said import NOTHING

if TYPE_CHECKING:
    import numpy.typing as npt


def _factorials(servers: int, load: float) -> float:
    """Erlang C as it is written in textbooks, with whole factorials."""
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(load**k / math.factorial(k) for k in range(servers)) + last)


@given(st.integers(1, 60), st.floats(0.001, 0.999))
def test_erlang_c_is_the_textbook_formula(servers: int, busy: float) -> None:
    load = servers * busy
    assert float(erlang_c(servers, load)) == pytest.approx(_factorials(servers, load), rel=1e-9)


def test_one_server_waits_with_the_probability_that_it_is_busy() -> None:
    load = np.array([0.0, 0.1, 0.5, 0.99])
    assert erlang_c(1, load) == pytest.approx(load, rel=1e-12)


def test_many_servers_and_tiny_loads_neither_overflow_nor_lose_their_digits() -> None:
    with np.errstate(all="raise", under="ignore"):
        found = erlang_c(np.array([2000, 300, 5]), np.array([1900.0, 1e-9, 1e-300]))
    assert 0.0 < found[0] < 0.1
    assert found[1:] == pytest.approx([0.0, 0.0])


def test_full_piles_make_everybody_wait() -> None:
    found = erlang_c(np.array([2, 2, 0, 0]), np.array([2.0, 9.0, 0.5, 0.0]))
    assert found.tolist() == [1.0, 1.0, 1.0, 0.0]


@given(st.integers(1, 40), st.floats(0.01, 0.98), st.floats(0.0, 0.01))
def test_more_load_waits_longer_and_more_servers_shorter(
    servers: int, busy: float, more: float
) -> None:
    load = servers * busy
    assert erlang_c(servers, load + more) >= erlang_c(servers, load) - 1e-12
    assert erlang_c(servers + 1, load) <= erlang_c(servers, load) + 1e-12


TYPES = pd.DataFrame(
    {
        "type_id": ["ac7", "dc60", "dc240"],
        "kw": [7.0, 60.0, 240.0],
        "kwh_day": [20.0, 200.0, 800.0],
        "segments": ["private", "private fleet", "private fleet heavy"],
    }
)


def _rules(**figures: float) -> Any:
    known = {
        "private_session_kwh": 25.0,
        "fleet_session_kwh": 30.0,
        "heavy_session_kwh": 170.0,
        "peak_hour_share": 0.08,
        "changeover_minutes": 0.0,
        "longest_wait_minutes": 10.0,
    }
    return SimpleNamespace(
        **{name: SimpleNamespace(value=value) for name, value in {**known, **figures}.items()}
    )


def _simulated(piles: int, rate: float, hours: float, seed: int) -> tuple[float, float]:
    """Minutes and share of waiting of many vehicles that arrive one by one."""
    rng = np.random.default_rng(seed)
    count = 200_000
    come = np.cumsum(rng.exponential(1 / rate, count))
    need = rng.exponential(hours, count)
    free = [0.0] * piles
    waited = np.zeros(count)
    for n in range(count):
        first = min(range(piles), key=free.__getitem__)
        begin = max(free[first], come[n])
        waited[n] = begin - come[n]
        free[first] = begin + need[n]
    return 60 * float(waited[1000:].mean()), float((waited[1000:] > 0).mean())


def test_waits_are_those_of_a_simulation() -> None:
    rules = _rules(changeover_minutes=5.0)
    energy = np.array([[0.0, 1400.0, 0.0]])
    piles = np.array([[0, 3, 0]])
    queue = station_queues(energy, piles, TYPES, rules)
    rate, hours = 1400 * 0.08 / 30, 30 / 60 + 5 / 60
    assert queue.arrivals_hour[0, 1] == pytest.approx(rate)
    assert queue.load[0, 1] == pytest.approx(rate * hours)
    minutes, share = _simulated(3, rate, hours, seed=5)
    assert queue.wait_minutes[0, 1] == pytest.approx(minutes, rel=0.05)
    assert queue.wait_probability[0, 1] == pytest.approx(share, rel=0.03)


def test_two_servers_wait_as_the_closed_form_says() -> None:
    # M/M/2: Wq = rho^2 / (mu (1 - rho^2)).
    queue = station_queues(np.array([[0.0, 0.0, 3400.0]]), np.array([[0, 0, 2]]), TYPES, _rules())
    mu = 240 / 170
    rho = 3400 * 0.08 / 170 / (2 * mu)
    assert queue.wait_minutes[0, 2] == pytest.approx(60 * rho**2 / (mu * (1 - rho**2)), rel=1e-12)


def test_a_queue_that_never_settles_is_told_as_such() -> None:
    queue = station_queues(np.array([[0.0, 0.0, 9e4]]), np.array([[1, 1, 1]]), TYPES, _rules())
    assert np.isinf(queue.wait_minutes[0, 2])
    assert queue.wait_probability[0, 2] == 1.0


def _random_plan(seed: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Energies that nested types can carry, with their capacity."""
    rng = np.random.default_rng(seed)
    serves = np.array([[True, False, False], [True, True, False], [True, True, True]])
    capacity = rng.integers(0, 9, (50, 3)) * np.array([20.0, 200.0, 800.0])
    flow = rng.random((50, 3, 3)) * serves
    flow /= np.maximum(flow.sum(axis=2, keepdims=True), 1e-12)
    energy = (flow * (capacity * rng.random((50, 3)))[:, :, None]).sum(axis=1)
    return energy, capacity, serves


@given(st.integers(0, 2**31))
def test_shares_add_up_and_keep_the_capacity_of_nested_types(seed: int) -> None:
    energy, capacity, serves = _random_plan(seed)
    shared = shared_energy(energy, capacity, serves)
    assert shared.sum(axis=1) == pytest.approx(energy, abs=1e-6)
    assert (shared >= 0).all()
    assert (shared.sum(axis=2) <= capacity + 1e-6).all()
    assert (shared[:, ~serves] == 0).all()


def _stations() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    stations = pd.DataFrame(
        {
            "site_id": ["a", "b", "c"],
            "name": ["甲", "", "丙"],
            "piles_ac7": [4, 1, 0],
            "piles_dc60": [2, 0, 3],
            "piles_dc240": [0, 0, 1],
        }
    )
    demand = pd.DataFrame({"demand_id": ["1", "2", "3"], "segment": ["private", "fleet", "heavy"]})
    catchments = pd.DataFrame(
        {
            "demand_id": ["1", "2", "1", "3", "2"],
            "site_id": ["a", "a", "c", "c", "c"],
            "kwh_day": [60.0, 350.0, 10.0, 700.0, 40.0],
        }
    )
    return stations, catchments, demand


def test_energy_is_summed_by_station_and_segment() -> None:
    stations, catchments, demand = _stations()
    found = segment_energy(stations, catchments, demand)
    assert found.tolist() == [[60.0, 350.0, 0.0], [0.0, 0.0, 0.0], [10.0, 40.0, 700.0]]


def test_a_station_shows_its_worst_pile_type() -> None:
    stations, catchments, demand = _stations()
    shown = waiting_columns(stations, catchments, demand, TYPES, _rules())
    queue = station_queues(
        segment_energy(stations, catchments, demand),
        stations[["piles_ac7", "piles_dc60", "piles_dc240"]].to_numpy(),
        TYPES,
        _rules(),
    )
    assert shown.wait_minutes.to_numpy() == pytest.approx(queue.wait_minutes.max(axis=1))
    assert shown.wait_type.tolist()[1] == ""
    assert shown.wait_minutes[1] == shown.wait_probability[1] == 0.0
    worst = [list(TYPES.type_id).index(name) for name in shown.wait_type[[0, 2]]]
    assert shown.wait_probability[[0, 2]].tolist() == [
        queue.wait_probability[0, worst[0]],
        queue.wait_probability[2, worst[1]],
    ]


def test_the_note_names_the_longest_queues_first() -> None:
    stations = _stations()[0].assign(wait_minutes=[11.0, np.inf, 3.0])
    note = waiting_note(stations, 10.0).en
    assert "2 of 3 stations" in note
    assert note.index("b (the queue never settles)") < note.index("甲 (11 min)")
    assert waiting_note(stations.assign(wait_minutes=0.0), 10.0) == NOTHING
