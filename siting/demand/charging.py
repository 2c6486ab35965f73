"""Charging demand points by segment, from census population, urban share and land use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from siting.demand import cells as grid
from siting.demand.census import (
    cars_per_person,
    district_people,
    spread_people,
)
from siting.demand.housing import Homes, homes_of, housed, housing_note
from siting.demand.points import COLUMNS, Points, counted_points, home_points, weighted_points
from siting.errors import InputError
from siting.network import snap

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.frames import CityMap
    from siting.model.demand import DemandSettings, Housing
    from siting.network import Network
    from siting.own.raster import PeopleMap
    from siting.said import Said

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

SEGMENTS = ("private", "fleet", "heavy")
"""Private cars; taxis, ride-hailing and delivery; heavy vehicles."""

SNAP_LIMIT_M = 3000.0
"""A demand point farther than this from every node can't be served. Planner's own."""

HOME_SHARE = 0.7
"""Share of private energy drawn near home, the rest at destinations. Planner's own."""

RESIDENT_SHARE = 0.5
"""Share of fleet energy that follows urban people, the rest follows hubs. Planner's own."""

FREIGHT_SHARE = 0.5
"""Share of heavy energy at freight facilities, the rest along main roads. Planner's own."""

DRAWN_KWH = {"destination": 100.0, "hub": 500.0, "freight": 300.0}
"""
Most kWh/day that one unit of pull draws, so that a map with few facilities doesn't heap the whole
city's energy on them; the rest follows arterial or main roads. Planner's own.
"""

LEAST_ROW_KWH = 1.0
"""Fleet and heavy rows below this are left out, their energy given to the others, kWh/day."""


@dataclass(frozen=True, slots=True)
class Demand:
    """
    Demand points; one row a cell and segment.

    Attributes
    ----------
    frame
        EPSG:4326 Points, RangeIndex. Columns: `demand_id` (str, stable: cell and segment),
        `cell_id` (str), `segment` (one of `SEGMENTS`), `kwh_day` (float, public charging energy a
        day), `population` (float; census people of the cell, on private rows, else 0),
        `district_id` (str), `urban` (bool).
    node
        Network node each point is snapped to, int64, shape (n,); -1 when farther than the limit.
    access_m
        Straight-line metres from the point to that node, shape (n,).
    notes
        What people were spread by, as shown to the user.
    """

    frame: gpd.GeoDataFrame
    node: npt.NDArray[np.int64]
    access_m: npt.NDArray[np.float64]
    notes: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The part of a cell in one district, with the weights of the points in it summed."""

    key: Ints
    district: Ints
    urban: npt.NDArray[np.bool_]
    xy: Floats
    weight: dict[str, Floats]


def charging_demand(
    network: Network,
    districts: gpd.GeoDataFrame,
    city_map: CityMap,
    settings: DemandSettings,
    *,
    share: float = 1.0,
    population: float | None = None,
    cells: grid.Cells | None = None,
    people_map: PeopleMap | None = None,
) -> Demand:
    """
    Spread the public charging energy of a city over cells, by segment.

    Parameters
    ----------
    network
        Road network; cells take their place and their weight from it.
    districts
        Districts, EPSG:4326, with `district_id`, `population`, `urban_population`,
        `rural_population` (people, NaN where no census is known) and `area_km2`.
    city_map
        Its facilities draw demand.
    settings
        Vehicles, energy and shares by segment, and the sizes of cells.
    share
        Share of the vehicles that belongs to these districts, (0, 1].
    population
        People in the districts that have no census; None: by built-up area.
    cells
        The cells, when they are already laid.
    people_map
        Where people live, by a source that counts them; None: by mapped homes as far as these hold
        them, else by streets and land use.

    Returns
    -------
    Demand
        Sums are exact but for rounding: each segment's `kwh_day` to vehicles x kWh x public share x
        `share`, each district's `population` to its census, urban people in built-up cells (where
        there are any) and rural people in the others.

    Raises
    ------
    InputError
        When there are no districts.

    Notes
    -----
    Private energy follows people times cars a person (2020 census: share of car-owning households
    over household size, by district) and destinations; fleet energy follows urban people and hubs;
    heavy energy follows freight facilities and main roads. Where the map shows few facilities of a
    sort, arterial roads in built-up cells (for heavy vehicles, main roads) take their place. Land
    outside the convex hull of the road network gets the rural density of the part inside.
    """
    if districts.empty:
        raise InputError("There are no districts to spread demand over")
    laid = cells or grid.build_cells(
        network,
        districts,
        city_map,
        urban_cell_m=settings.urban_cell_m,
        rural_cell_m=settings.rural_cell_m,
    )
    counted = counted_points(laid, districts, people_map)
    homes = home_points(
        laid, districts, homes_of(city_map.buildings, laid.crs, settings.housing), counted
    )
    pieces = _pieces(laid, weighted_points(laid, districts, city_map, counted, homes))
    urban, rural = district_people(districts, grid.built_up_km2(laid, len(districts)), population)
    covered = np.bincount(counted.district, minlength=len(districts)) > 0
    people, held = _people(pieces, covered, urban, rural, settings.housing)
    energy = _energy(pieces, people, districts, settings, share)
    demand = _demand(network, laid, pieces, people, energy, districts)
    if covered.all():
        return demand
    known = Homes(homes.xy, homes.weight[:, COLUMNS.index("floor")])
    count = None if city_map.buildings is None else len(city_map.buildings)
    said = housing_note(count, known, held[~covered], (urban + rural)[~covered])
    return replace(demand, notes=(said,))


def _people(
    pieces: _Pieces,
    covered: npt.NDArray[np.bool_],
    urban: Floats,
    rural: Floats,
    housing: Housing | None,
) -> tuple[Floats, Floats]:
    """
    Spread the people of each district over its pieces: as counted, by homes, or by streets.

    Returns
    -------
    people
        Of each piece.
    held
        Of each district in mapped homes, where no source counts them.
    """
    each = housing.floor_m2_per_person.value if housing is not None else 1.0
    counted, held = covered[pieces.district], np.zeros(len(urban))
    weights = []
    for reason, some, asked in (("street", pieces.urban, urban), ("rural", ~pieces.urban, rural)):
        weight, floor, lived = (
            np.where(some, pieces.weight[name], 0.0) for name in (reason, "floor", "people")
        )
        by_homes, inside = housed(pieces.district, weight, floor, asked, each)
        weights.append(np.where(counted, lived, by_homes))
        held += inside
    return spread_people(pieces.district, weights[0], weights[1], urban, rural), held


def _pieces(laid: grid.Cells, points: Points) -> _Pieces:
    key = grid.cell_key(laid, points.xy)
    pair = np.column_stack([key, points.district])
    unique, piece = np.unique(pair, axis=0, return_inverse=True)
    piece = piece.reshape(-1)
    weight: dict[str, Floats] = {
        name: np.bincount(piece, points.weight[:, column], len(unique)).astype(np.float64)
        for column, name in enumerate(COLUMNS)
    }
    return _Pieces(
        key=unique[:, 0],
        district=unique[:, 1],
        urban=unique[:, 0] % 2 == 0,
        xy=_places(points, piece, len(unique)),
        weight=weight,
    )


def _places(points: Points, piece: Ints, count: int) -> Floats:
    """Return for each piece the best point nearest to its centre of weight: on a street if any."""
    pull = points.weight[:, [0, 1, COLUMNS.index("people")]].sum(axis=1) + 1e-3
    total = np.bincount(piece, weights=pull, minlength=count)
    centre = np.column_stack(
        [
            np.bincount(piece, weights=pull * points.xy[:, a], minlength=count) / total
            for a in (0, 1)
        ]
    )
    distance = np.hypot(*(points.xy - centre[piece]).T)
    order = np.lexsort((distance, points.tier, piece))
    first = order[np.searchsorted(piece[order], np.arange(count))]
    return points.xy[first]


def _energy(
    pieces: _Pieces,
    people: Floats,
    districts: gpd.GeoDataFrame,
    settings: DemandSettings,
    share: float,
) -> dict[str, Floats]:
    """Spread each segment's energy over pieces: half or so at home, the rest where it is drawn."""
    everyone = people if people.sum() > 0 else np.ones(len(people))
    cars = everyone * cars_per_person(districts)[pieces.district]
    townsfolk = _first(everyone * pieces.urban, everyone)
    arterial = pieces.weight["arterial"]
    streets = _first(arterial * pieces.urban, arterial, everyone)
    main = _first(pieces.weight["freight_road"], streets)
    plans = (
        ("private", HOME_SHARE, cars, "destination", streets),
        ("fleet", RESIDENT_SHARE, townsfolk, "hub", streets),
        ("heavy", 1 - FREIGHT_SHARE, main, "freight", main),
    )
    energy: dict[str, Floats] = {}
    for segment, base, at_base, reason, instead in plans:
        fleet = getattr(settings, segment)
        total = fleet.vehicles.value * fleet.kwh_day.value * fleet.public_share.value * share
        pull = pieces.weight[reason]
        drawn = min((1 - base) * total, DRAWN_KWH[reason] * float(pull.sum()))
        rest = (1 - base) * total - drawn
        kwh = _scaled(at_base, base * total) + _scaled(pull, drawn) + _scaled(instead, rest)
        if segment != "private":
            kwh = _scaled(np.where(kwh >= LEAST_ROW_KWH, kwh, 0.0), total, otherwise=kwh)
        energy[segment] = kwh
    return energy


def _first(*choices: Floats) -> Floats:
    """Return the first weights that aren't all zero, else the last."""
    return next((weights for weights in choices if weights.sum() > 0), choices[-1])


def _scaled(weights: Floats, total: float, otherwise: Floats | None = None) -> Floats:
    """Scale weights to a total; all zero, they stay zero or give way to `otherwise`."""
    held = float(weights.sum())
    if held > 0:
        return np.asarray(weights * (total / held), dtype=np.float64)
    return np.zeros_like(weights) if otherwise is None else otherwise


def _demand(
    network: Network,
    laid: grid.Cells,
    pieces: _Pieces,
    people: Floats,
    energy: dict[str, Floats],
    districts: gpd.GeoDataFrame,
) -> Demand:
    district_id = districts["district_id"].astype(str).to_numpy()[pieces.district]
    names = grid.cell_names(laid, pieces.key)
    cell_id = np.char.add(np.char.add(names, "-"), district_id.astype(np.str_))
    rows = [np.flatnonzero((energy[s] > 0) | ((people > 0) & (s == "private"))) for s in SEGMENTS]
    piece = np.concatenate(rows)
    segment = np.repeat(np.arange(len(SEGMENTS)), [len(row) for row in rows])
    order = np.lexsort((segment, cell_id[piece]))
    piece, segment = piece[order], segment[order]
    segment_name = np.array(SEGMENTS)[segment]
    kwh_day = np.column_stack([energy[s] for s in SEGMENTS])[piece, segment]
    frame = gpd.GeoDataFrame(
        {
            "demand_id": np.char.add(np.char.add(cell_id[piece], "-"), segment_name).astype(object),
            "cell_id": cell_id[piece].astype(object),
            "segment": segment_name.astype(object),
            "kwh_day": kwh_day,
            "population": np.where(segment == 0, people[piece], 0.0),
            "district_id": district_id[piece].astype(object),
            "urban": pieces.urban[piece],
        },
        geometry=shapely.points(pieces.xy[piece]),
        crs=laid.crs,
    ).to_crs("EPSG:4326")
    streets = grid.road_nodes(network, fast=False)
    node, access_m = snap(network, pieces.xy[piece], SNAP_LIMIT_M, nodes=streets)
    return Demand(frame, node, access_m)
