"""Rows (17) to (25) of the charging programme: places, kinds of sites, use and substations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from siting.own.existing import kept_piles, stays_open

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import pandas as pd

    from siting.candidates.charging import Candidates
    from siting.demand.charging import Demand
    from siting.model.model import Model, Target
    from siting.reach.places import Places
    from siting.reach.substations import Substations

    Floats = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]

PLACE_ROWS = {
    "townships": ("c17_township", "township", "townships"),
    "key_areas": ("c18_key_area", "key area", "key_areas"),
    "zone_areas": ("c19_zone", "fast piles near", "key_areas"),
    "test_fleets": ("c30_test_fleet", "fast piles for test vehicles near", "test_fleets"),
}
"""Row name, title and group of places of the measures that are shares of places."""


@dataclass(frozen=True, slots=True)
class Row:
    """
    A business row `lower <= sum <= upper` with its number in the note.

    Attributes
    ----------
    name, title, clause
        Name in the programme (`c9_stations`), as shown to the user, and clause id or "".
    opened, piles
        Coefficients on open sites (J,) and piles (J, K).
    lower, upper
        Bounds; one of them is infinite.
    served
        Coefficients on the energy served at each demand point (I,), or None.
    """

    name: str
    title: str
    clause: str
    opened: Floats
    piles: Floats
    lower: float
    upper: float = np.inf
    served: Floats | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What the rows of a model are written over."""

    model: Model
    candidates: Candidates
    demand: Demand
    types: pd.DataFrame
    places: Places | None = None
    substations: Substations | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Sites and pile types."""
        return len(self.candidates.frame), len(self.types)

    @property
    def kept(self) -> npt.NDArray[np.int64]:
        """Piles that stand at each site already, shape (J, K)."""
        return kept_piles(self.candidates.frame, [str(name) for name in self.types["type_id"]])

    @property
    def opening_cny(self) -> Floats:
        """
        Cost of opening each site, less what the piles that stand there would cost, shape (J,).

        An open site keeps them, so with the cost of all its piles they cost nothing.
        """
        fixed = self.candidates.frame["fixed_cost_cny"].to_numpy(dtype=float)
        return np.asarray(fixed - self.kept @ self.types["cost_cny"].to_numpy(dtype=float))

    def of_kind(self, *kinds: str) -> Floats:
        """Return 1 at sites of these kinds, shape (J,)."""
        return np.asarray(self.candidates.frame["kind"].isin(kinds), dtype=float)


def least_piles(candidates: Candidates, model: Model, types: pd.DataFrame) -> Floats:
    """Return the fewest piles of an open station; `heavy_piles` at heavy sites if asked for."""
    least = candidates.frame["min_piles"].to_numpy(dtype=float)
    if any(target.measure == "heavy_sites" for target in model.targets):
        heavy = _heavy(candidates, model, types)
        least = np.where(heavy, np.maximum(least, model.charging.rules.heavy_piles), least)
    return np.asarray(least, dtype=float)


def allowed_types(candidates: Candidates, model: Model, types: pd.DataFrame) -> Bools:
    """
    Tell which pile types may stand at each site.

    Parameters
    ----------
    candidates
        Sites with the types that suit them.
    model
        Where a target asks for heavy sites, stations at `heavy_kinds` hold piles of `heavy_kw` and
        more alone, as far as such piles suit the site.
    types
        Table of pile types.

    Returns
    -------
    allowed
        Shape (J, K).
    """
    if all(target.measure != "heavy_sites" for target in model.targets):
        return np.asarray(candidates.allowed)
    strong = _strong(model, types)
    heavy = _heavy(candidates, model, types)
    return np.asarray(candidates.allowed & (strong[None] | ~heavy[:, None]))


def least_use(question: Question) -> Floats:
    """
    Return the least share of what its piles can give that each open site serves, shape (J,).

    `rules.station_use` for new stations that nothing demands: not for existing and mandatory ones,
    nor where a site is the only one that reaches a township or key area that a target asks for.
    """
    frame = question.candidates.frame
    free = ~(frame["existing"] | frame["mandatory"]).to_numpy(dtype=bool)
    places = question.places
    for target in question.model.targets:
        if target.measure in PLACE_ROWS and places is not None and len(places.frame):
            chosen = np.isin(places.reach.demand, chosen_places(target, question))
            count = np.bincount(places.reach.demand, minlength=len(places.frame))
            free[places.reach.site[chosen & (count[places.reach.demand] == 1)]] = False
    return np.where(free, question.model.charging.rules.station_use.value, 0.0)


def clause_rows(target: Target, question: Question) -> list[Row]:
    """
    Rows (17) to (24) of one target.

    Parameters
    ----------
    target
        A target whose measure is one of `PLACE_ROWS`, `heavy_sites`, `energy_stations`,
        `residential_piles`, `rest_areas` or `utilisation`.
    question
        What the rows are written over.

    Returns
    -------
    rows
        None where the map has nothing that the measure counts.
    """
    if target.measure in PLACE_ROWS:
        return list(_place_rows(target, question))
    makers = {
        "heavy_sites": _heavy_row,
        "energy_stations": _energy_row,
        "residential_piles": _residential_row,
        "rest_areas": _rest_row,
        "utilisation": _utilisation_row,
    }
    row = makers[target.measure](target, question)
    return [] if row is None else [row]


def kept_rows(question: Question) -> Iterator[Row]:
    """Rows (28): a station that may close has its piles while it is open."""
    frame, kept = question.candidates.frame, question.kept
    sites, kinds = question.shape
    names, titles = question.types["type_id"].to_numpy(), frame["name"].to_numpy()
    may_close = frame["existing"].to_numpy(dtype=bool) & ~stays_open(frame)
    for j, k in np.argwhere((kept > 0) & may_close[:, None]).tolist():
        opened, piles = np.zeros(sites), np.zeros((sites, kinds))
        opened[j], piles[j, k] = -float(kept[j, k]), 1.0
        title = f"piles that stand at {titles[j]}"
        yield Row(f"c28_kept_{j}_{names[k]}", title, "", opened, piles, 0.0)


def substation_rows(question: Question) -> list[Row]:
    """Rows (25): peak load of the stations that a substation feeds within its head-room."""
    fed = question.substations
    if fed is None:
        return []
    peak = question.model.charging.simultaneity.value * question.types["kw"].to_numpy(dtype=float)
    sites, _ = question.shape
    names = fed.frame["substation_id"].astype(str).to_numpy()
    head = fed.frame["headroom_kw"].to_numpy(dtype=float)
    return [
        Row(
            f"c25_substation_{number}",
            f"head-room of substation {names[number]}",
            "",
            np.zeros(sites),
            np.outer(fed.of_site == number, peak),
            -np.inf,
            float(head[number]),
        )
        for number in np.unique(fed.of_site[fed.of_site >= 0]).tolist()
    ]


def implied(cover: csr_array, forced: Bools) -> Bools:
    """
    Tell which rows `sum over cover >= b` follow from forced sites or from another row.

    Parameters
    ----------
    cover
        Which sites count in each row: the pattern of a CSR, shape (rows, sites).
    forced
        Sites that satisfy a row by themselves, shape (sites,).

    Returns
    -------
    implied
        Shape (rows,). A row whose sites include all of another's follows from it; of equal rows
        the first is kept.
    """
    pattern = csr_array(
        (np.ones(cover.nnz), cover.indices, cover.indptr), shape=cover.shape, dtype=float
    )
    done = (pattern @ forced.astype(float)) > 0
    size = np.diff(pattern.indptr)
    both = csr_array(pattern @ pattern.T).tocoo()
    big, small = both.coords
    holds = (both.data == size[small]) & ((size[big] > size[small]) | (small < big))
    done[big[holds & (big != small)]] = True
    return np.asarray(done)


def chosen_places(target: Target, question: Question) -> npt.NDArray[np.int64]:
    """
    Choose the places that a share asks for: all that a candidate reaches, or the freest of them.

    A share below one doesn't say which places; those with the most candidate sites within reach
    leave the plan the most choice. The rows then suffice for the share but aren't needed for it.
    """
    places = question.places
    assert places is not None  # noqa: S101
    rows = place_rows(target.measure, places)
    count = np.bincount(places.reach.demand, minlength=len(places.frame))[rows]
    asked = int(np.ceil(target.at_least * len(rows) - 1e-9))
    rows, count = rows[count > 0], count[count > 0]
    order = np.argsort(-count, kind="stable")[:asked]
    return np.asarray(np.sort(rows[order]), dtype=np.int64)


def place_rows(measure: str, places: Places) -> npt.NDArray[np.int64]:
    """Return the rows of the places that a measure is a share of; green zones lie in town."""
    frame = places.frame
    inside = np.asarray(frame["measure"] == PLACE_ROWS[measure][2], dtype=bool)
    town = frame["urban"].to_numpy(dtype=bool) | (measure != "zone_areas")
    return np.flatnonzero(inside & town)


def _place_rows(target: Target, question: Question) -> Iterator[Row]:
    places = question.places
    if places is None or places.frame.empty:
        return
    frame, (sites, kinds) = question.candidates.frame, question.shape
    chosen = chosen_places(target, question)
    arcs = places.reach
    ones = np.ones(len(arcs.site))
    cover = csr_array((ones, (arcs.demand, arcs.site)), shape=(len(places.frame), sites))[chosen]
    name, title, _ = PLACE_ROWS[target.measure]
    rules = question.model.charging.rules
    least = {"zone_areas": rules.zone_piles, "test_fleets": rules.test_fleet_piles}
    zone = target.measure in least
    open_anyway = stays_open(frame)
    fast = _fleet(question.types)
    most = _most(question, fast) if zone else np.ones(sites)
    asked = np.minimum(least.get(target.measure, 1), np.asarray(cover @ most))
    # A place with room for fewer piles than others ask for implies nothing for them.
    full = np.flatnonzero(asked >= asked.max(initial=0.0))
    done = np.zeros(len(chosen), dtype=bool)
    done[full] = implied(cover[full], np.zeros(sites, dtype=bool) if zone else open_anyway)
    for number in np.flatnonzero(~done & (asked > 0)).tolist():
        near = cover[[number]].toarray().ravel()
        place = places.frame.iloc[int(chosen[number])]
        yield Row(
            f"{name}_{int(chosen[number])}",
            f"{title} {place['name'] or place['place_id']}",
            target.clause,
            np.zeros(sites) if zone else near,
            np.outer(near, fast) if zone else np.zeros((sites, kinds)),
            float(asked[number]),
        )


def _fleet(types: pd.DataFrame) -> Bools:
    """Tell which pile types serve taxis and delivery vans."""
    return np.array(["fleet" in str(text).split() for text in types["segments"]], dtype=bool)


def _most(question: Question, which: Bools) -> Floats:
    """Most piles of some types that each site holds by land and grid, shape (J,)."""
    frame, types = question.candidates.frame, question.types
    peak = question.model.charging.simultaneity.value * types["kw"].to_numpy(dtype=float)
    limit = frame["kw_limit"].fillna(np.inf).to_numpy(dtype=float)
    allowed = allowed_types(question.candidates, question.model, types)[:, which]
    room = np.where(allowed, np.floor(limit[:, None] / peak[which] + 1e-9), 0.0)
    most = np.minimum(frame["max_piles"].to_numpy(dtype=float), room.max(axis=1, initial=0.0))
    return np.asarray(most, dtype=float)


def _strong(model: Model, types: pd.DataFrame) -> Bools:
    return np.asarray(types["kw"].to_numpy(dtype=float) >= model.charging.rules.heavy_kw)


def _heavy(candidates: Candidates, model: Model, types: pd.DataFrame) -> Bools:
    """Sites that can be stations for heavy vehicles; where heavy piles suit and enough fit."""
    rules = model.charging.rules
    strong = _strong(model, types)
    least = types["kw"].to_numpy(dtype=float)[strong].min(initial=np.inf)
    frame = candidates.frame
    limit = frame["kw_limit"].fillna(np.inf).to_numpy(dtype=float)
    piles = np.maximum(frame["min_piles"].to_numpy(dtype=float), rules.heavy_piles)
    load = model.charging.simultaneity.value * least * piles
    fits = (load <= limit + 1e-9) & (piles <= frame["max_piles"].to_numpy(dtype=float))
    kind = frame["kind"].isin(rules.heavy_kinds).to_numpy()
    new = ~frame["existing"].to_numpy(dtype=bool)
    return np.asarray(kind & new & fits & candidates.allowed[:, strong].any(axis=1))


def _heavy_row(target: Target, question: Question) -> Row | None:
    heavy = _heavy(question.candidates, question.model, question.types).astype(float)
    floor = min(target.at_least, float(heavy.sum()))
    if floor <= 0:
        return None
    title = "stations for heavy vehicles"
    none = np.zeros(question.shape)
    return Row("c20_heavy_sites", title, target.clause, heavy, none, floor)


def _energy_row(target: Target, question: Question) -> Row | None:
    fuel = question.of_kind("fuel")
    floor = min(target.at_least, float(fuel.sum()))
    if floor <= 0:
        return None
    title = "integrated energy stations"
    none = np.zeros(question.shape)
    return Row("c21_energy_stations", title, target.clause, fuel, none, floor)


def _residential_row(target: Target, question: Question) -> Row | None:
    frame, types = question.candidates.frame, question.types
    slow = (types["current"] == "ac").to_numpy()
    compound = question.of_kind("residential")
    piles = np.outer(compound, slow).astype(float)
    floor = min(target.at_least, float(compound @ _most(question, slow)))
    if floor <= 0:
        return None
    none = np.zeros(len(frame))
    title = "slow piles in residential compounds"
    return Row("c22_residential_piles", title, target.clause, none, piles, floor)


def _rest_row(target: Target, question: Question) -> Row | None:
    rest = question.of_kind("rest_area")
    floor = float(np.ceil(target.at_least * rest.sum() - 1e-9))
    if floor <= 0:
        return None
    none = np.zeros(question.shape)
    return Row("c23_rest_areas", "rest areas", target.clause, rest, none, floor)


def _utilisation_row(target: Target, question: Question) -> Row | None:
    sites, _ = question.shape
    capacity = question.types["kwh_day"].to_numpy(dtype=float)
    return Row(
        "c24_utilisation",
        "mean utilisation of capacity",
        target.clause,
        np.zeros(sites),
        np.tile(-target.at_least * capacity, (sites, 1)),
        0.0,
        served=np.ones(len(question.demand.frame)),
    )
