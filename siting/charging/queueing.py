"""How long a vehicle waits for a free pile in the busiest hour: M/M/c queues by pile type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting.said import NOTHING, Said, joined

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.model.piletypes import Queueing

    Floats = npt.NDArray[np.float64]

SEGMENTS = ("private", "fleet", "heavy")
"""Order of the segments in arrays here."""


@dataclass(frozen=True, slots=True)
class Queue:
    """
    The queues of stations, one a pile type; arrays have shape (stations, pile types).

    Attributes
    ----------
    arrivals_hour
        Vehicles in the peak hour.
    load
        Offered load, erlang: arrivals x mean time at the pile.
    wait_probability
        Probability that an arriving vehicle finds no free pile; 1 where the load is no less than
        the piles.
    wait_minutes
        Mean wait before charging, minutes, of all who come; `inf` where the queue never settles.
    """

    arrivals_hour: Floats
    load: Floats
    wait_probability: Floats
    wait_minutes: Floats


def erlang_c(servers: npt.ArrayLike, load: npt.ArrayLike) -> Floats:
    """
    Probability that a customer of an M/M/c queue has to wait.

    Parameters
    ----------
    servers
        Servers c, whole numbers from 0, any shape.
    load
        Offered load a = arrival rate x mean service time, erlang, broadcast with `servers`.

    Returns
    -------
    probability
        0 where there is no load, 1 where a >= c.

    Notes
    -----
    Erlang's second formula by way of his first: B(0) = 1, B(n) = a B(n-1) / (n + a B(n-1)), and
    C = c B(c) / (c - a (1 - B(c))). Every term is positive and at most 1, so nothing overflows or
    cancels, as factorials would. Gross, Shortle, Thompson, Harris: Fundamentals of Queueing
    Theory, 4th ed., section 2.3 and 2.4.
    """
    count, offered = np.broadcast_arrays(
        np.asarray(servers, dtype=np.float64), np.asarray(load, dtype=np.float64)
    )
    blocked = np.ones(count.shape)
    for n in range(1, int(count.max(initial=0.0)) + 1):
        step = offered * blocked / (n + offered * blocked)
        blocked = np.where(n <= count, step, blocked)
    stable = offered < count
    room = np.where(stable, count - offered * (1.0 - blocked), 1.0)
    waiting: Floats = np.where(stable, count * blocked / room, np.where(offered > 0, 1.0, 0.0))
    return waiting


def shared_energy(energy: Floats, capacity: Floats, serves: npt.NDArray[np.bool_]) -> Floats:
    """
    Share what stations serve over their pile types.

    Parameters
    ----------
    energy
        Energy by segment, kWh a day, shape (stations, segments).
    capacity
        Capacity by pile type, kWh a day, shape (stations, types).
    serves
        Whether a type serves a segment, shape (types, segments).

    Returns
    -------
    shared
        Energy, shape (stations, types, segments); sums over the types to `energy`.

    Notes
    -----
    Segments take turns, those that fewer types serve first, and each spreads over its types in
    proportion to what capacity they have left. Where sets of types are nested (as heavy, fleet,
    private are) this overloads no type of a plan that keeps its capacities.
    """
    left = capacity.astype(np.float64)
    shared = np.zeros((*capacity.shape, energy.shape[1]))
    for segment in np.argsort(serves.sum(axis=0), kind="stable"):
        usable = capacity * serves[:, segment]
        room = left * serves[:, segment]
        full = room.sum(axis=1) <= 0
        weight = np.where(full[:, None], usable, room)
        total = weight.sum(axis=1, keepdims=True)
        part = weight / np.where(total > 0, total, 1.0)
        shared[:, :, segment] = part * energy[:, [segment]]
        left = np.maximum(left - shared[:, :, segment], 0.0)
    return shared


def station_queues(
    energy: Floats,
    piles: npt.NDArray[np.int64],
    pile_types: pd.DataFrame,
    settings: Queueing,
) -> Queue:
    """
    Queue vehicles at stations in the peak hour.

    Parameters
    ----------
    energy
        Energy served by segment (`SEGMENTS`), kWh a day, shape (stations, 3).
    piles
        Piles by type, shape (stations, types).
    pile_types
        As `piles.pile_table` gives them.
    settings
        Energy a session, the peak hour's share of the day, and the time between two vehicles.

    Returns
    -------
    queue
        One queue a station and pile type.

    Notes
    -----
    Arrivals are Poisson with rate energy x peak share / energy a session; a pile is held for
    energy a session / rated power, and for the time between two vehicles. M/M/c takes that time to
    be exponential, which overstates the wait where sessions are alike. Each vehicle stays with its
    pile type: drivers who go to whatever is free wait less.
    """
    serves = serves_segments(pile_types)
    capacity = piles * pile_types["kwh_day"].to_numpy(dtype=np.float64)
    shared = shared_energy(energy, capacity, serves)
    session_kwh = np.array([getattr(settings, f"{name}_session_kwh").value for name in SEGMENTS])
    arrivals = shared * settings.peak_hour_share.value / session_kwh
    kw = pile_types["kw"].to_numpy(dtype=np.float64)
    hours = session_kwh / kw[:, None] + settings.changeover_minutes.value / 60.0
    load = (arrivals * hours).sum(axis=2)
    rate = arrivals.sum(axis=2)
    probability = erlang_c(piles, load)
    free = piles - load
    stable = (free > 0) | (load <= 0)
    # Mean service time x C / (c - a); the mean is load / rate.
    busy = np.where(rate > 0, load / np.where(rate > 0, rate, 1.0), 0.0)
    minutes = 60.0 * probability * busy / np.where(free > 0, free, 1.0)
    return Queue(rate, load, probability, np.where(stable, minutes, np.inf))


def serves_segments(pile_types: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return whether each pile type serves each of `SEGMENTS`, shape (types, 3)."""
    sets = [set(str(text).split()) for text in pile_types["segments"]]
    return np.array([[name in some for name in SEGMENTS] for some in sets], dtype=np.bool_)


def segment_energy(
    stations: pd.DataFrame, catchments: pd.DataFrame, demand: pd.DataFrame
) -> Floats:
    """
    Sum what each station serves by segment.

    Parameters
    ----------
    stations, catchments, demand
        As in `Plan`.

    Returns
    -------
    energy
        kWh a day, shape (stations, 3) in the order of `SEGMENTS`.
    """
    site = pd.Index(stations["site_id"]).get_indexer(catchments["site_id"])
    point = pd.Index(demand["demand_id"]).get_indexer(catchments["demand_id"])
    segment = pd.Index(SEGMENTS).get_indexer(demand["segment"].astype(str).to_numpy()[point])
    sums = np.bincount(
        site * len(SEGMENTS) + segment,
        weights=catchments["kwh_day"].to_numpy(dtype=np.float64),
        minlength=len(stations) * len(SEGMENTS),
    )
    return sums.reshape(len(stations), len(SEGMENTS)).astype(np.float64)


def waiting_columns(
    stations: pd.DataFrame,
    catchments: pd.DataFrame,
    demand: pd.DataFrame,
    pile_types: pd.DataFrame,
    settings: Queueing,
) -> pd.DataFrame:
    """
    Describe the worst queue of each station.

    Parameters
    ----------
    stations, catchments, demand, pile_types
        As in `Plan`.
    settings
        How vehicles come and charge.

    Returns
    -------
    columns
        `wait_minutes` (`inf` where the queue never settles), `wait_probability` and `wait_type`
        (the pile type, "" where nobody comes), in the rows of `stations`.
    """
    piles = stations[[f"piles_{name}" for name in pile_types["type_id"]]].to_numpy(dtype=np.int64)
    energy = segment_energy(stations, catchments, demand)
    queue = station_queues(energy, piles, pile_types, settings)
    # The longest mean wait; among equals (all inf) the greater load per pile.
    crowd = queue.load / np.maximum(piles, 1)
    order = np.lexsort((crowd, queue.wait_minutes), axis=1)
    row, worst = np.arange(len(stations)), order[:, -1]
    comes = queue.arrivals_hour[row, worst] > 0
    names = pile_types["type_id"].to_numpy(dtype=object)
    return pd.DataFrame(
        {
            "wait_minutes": queue.wait_minutes[row, worst],
            "wait_probability": queue.wait_probability[row, worst],
            "wait_type": np.where(comes, names[worst], ""),
        },
        index=stations.index,
    )


def waiting_note(stations: pd.DataFrame, longest_minutes: float, *, most: int = 5) -> Said:
    """
    Name the stations that queue too long.

    Parameters
    ----------
    stations
        With the columns of `waiting_columns`.
    longest_minutes
        A longer mean wait in the peak hour is too long.
    most
        How many are named.

    Returns
    -------
    note
        One sentence; nothing where no station queues too long.
    """
    long = stations[stations["wait_minutes"] > longest_minutes]
    if long.empty:
        return NOTHING
    worst = long.sort_values(["wait_minutes", "site_id"], ascending=[False, True]).head(most)
    columns = (worst[name].tolist() for name in ("site_id", "name", "wait_minutes"))
    named = joined(_waits(name or site, wait) for site, name, wait in zip(*columns, strict=True))
    return Said(
        f"高峰小时 {len(stations):,} 座站中有 {len(long):,} 座平均排队超过 {longest_minutes:g} "
        f"分钟（M/M/c），最长的依次为：{named.zh}",
        f"In the peak hour {len(long):,} of {len(stations):,} stations queue longer than "
        f"{longest_minutes:g} minutes on average (M/M/c), the worst first: {named.en}",
    )


def _waits(name: str, minutes: float) -> Said:
    if not np.isfinite(minutes):
        return Said(f"{name}（排队持续增长）", f"{name} (the queue never settles)")
    return Said(f"{name}（{minutes:,.0f} 分钟）", f"{name} ({minutes:,.0f} min)")
