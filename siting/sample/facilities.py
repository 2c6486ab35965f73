# ruff: noqa: PLR2004  (metres and shares of a drawing, plain where they stand)
"""Facilities, signals and place names of the sample city as OSM tags."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.sample.names import brand, town_name, village_name
from siting.sample.streets import along, lengths, right_of, unit

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.sample.compose import Composition
    from siting.sample.noding import Graph
    from siting.sample.settle import Place, Settlement
    from siting.sample.streets import Carriageway, Street

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Tags = dict[str, str]

POINTS = (
    # tags, name ending, per 10,000 urban people, pull to the centre (negative: to the rim)
    ({"amenity": "parking"}, "停车场", 2.2, 0.8),
    ({"shop": "supermarket"}, "超市", 0.9, 0.4),
    ({"tourism": "hotel"}, "酒店", 0.9, 1.2),
    ({"shop": "mall"}, "购物中心", 0.20, 1.2),
    ({"office": "company"}, "大厦", 0.7, 1.5),
    ({"amenity": "fuel"}, "加油站", 0.45, -0.3),
    ({"amenity": "school"}, "学校", 1.4, 0.2),
    ({"office": "government"}, "政务中心", 0.25, 0.8),
    ({"landuse": "depot"}, "公交场站", 0.13, -0.5),
    ({"railway": "station", "station": "subway"}, "站", 0.08, 0.8),
    ({"amenity": "charging_station"}, "充电站", 0.10, 0.5),
)
"""
What stands at the rim of blocks; planner's own figures, of the size of Chinese cities' yearbooks.

Existing charging stations are few on purpose: the sample is a city before its plan.
"""

AREAS = (
    # tags, name ending, share of blocks, pull to the centre
    ({"landuse": "residential"}, "小区", 0.58, 0.1),
    ({"landuse": "industrial"}, "工业园", 0.11, -1.5),
    ({"landuse": "industrial"}, "物流园", 0.015, -2.0),
    ({"amenity": "university"}, "学院", 0.022, -0.3),
    ({"amenity": "hospital"}, "医院", 0.028, 0.6),
    ({"tourism": "attraction"}, "公园", 0.030, 0.2),
)
"""What fills whole blocks; the rest is mixed."""

FUEL_EVERY_M = 14_000.0
"""Spacing of fuel stations along the roads between towns."""

_SIGNALS = {0: 0.9, 1: 0.9, 2: 0.85, 3: 0.5}
"""Share of crossings with signals by the lesser street's class (`_RANK`)."""

_RANK = {"trunk": 0, "primary": 1, "secondary": 2, "tertiary": 3}
_RIM_M = 42.0


@dataclass(slots=True)
class Furniture:
    """Tags of road nodes by number, points with tags, and areas as (corners, tags)."""

    on_road: dict[int, Tags] = field(default_factory=dict)
    points: list[tuple[tuple[float, float], Tags]] = field(default_factory=list)
    areas: list[tuple[Floats, Tags]] = field(default_factory=list)

    def point(self, xy: Floats | tuple[float, float], tags: Tags) -> None:
        """Add a point."""
        self.points.append(((float(xy[0]), float(xy[1])), tags))


def furnish(
    settled: Settlement,
    composition: Composition,
    graph: Graph,
    drawn: list[Carriageway],
    at: Ints,
    rng: np.random.Generator,
) -> Furniture:
    """
    Return signals, place names and facilities of the city.

    Parameters
    ----------
    settled, composition
        Where people live, and the streets and blocks there.
    graph, drawn, at
        Noded carriageways and the OSM node of each vertex.
    rng
        Source of chance.
    """
    found = Furniture()
    found.on_road.update(_signals(composition.streets, graph, drawn, at, rng))
    for service in composition.services:
        key = {"services": "highway", "toll_booth": "barrier"}[service.kind]
        found.point(service.xy, {key: service.kind, "name": service.name})
    by_place: dict[int, list[shapely.Polygon]] = {}
    for number, block in composition.blocks:
        by_place.setdefault(number, []).append(block)
    for number, place in enumerate(settled.places):
        _furnish_place(place, by_place.get(number, [place.outline]), found, rng)
    for xy in settled.villages:
        found.point(xy, {"place": "village", "name": village_name(rng)})
    _roadside(composition.streets, settled, found, rng)
    _landmarks(settled, found, rng)
    return found


def _signals(
    streets: list[Street],
    graph: Graph,
    drawn: list[Carriageway],
    at: Ints,
    rng: np.random.Generator,
) -> dict[int, Tags]:
    """Return signals where two streets of tertiary class or better meet, one draw a crossing."""
    rank = np.array([_RANK.get(s.highway, 9) for s in streets])
    street = np.array([c.street for c in drawn])[graph.line]
    rows = np.flatnonzero((graph.node >= 0) & (at >= 0) & (rank[street] < 4))
    pairs = np.unique(np.column_stack([at[rows], street[rows]]), axis=0)
    node, own = pairs[:, 0], pairs[:, 1]
    same = np.flatnonzero(node[1:] == node[:-1])
    lesser = np.maximum(rank[own[same]], rank[own[same + 1]])
    _, crossing = np.unique(
        np.column_stack([own[same], own[same + 1]]), axis=0, return_inverse=True
    )
    draw = rng.random(crossing.max() + 1)[crossing.ravel()]
    chance = np.array([_SIGNALS[k] for k in range(4)])[lesser]
    return {int(n): {"highway": "traffic_signals"} for n in node[same[draw < chance]]}


def _furnish_place(
    place: Place, blocks: list[shapely.Polygon], found: Furniture, rng: np.random.Generator
) -> None:
    name = place.name or town_name(rng)
    kind = {"core": "city", "seat": "town", "town": "town"}[place.kind]
    found.point(place.xy, {"place": kind, "name": name})
    hall = np.array(place.xy) + rng.normal(0, 120, 2)
    found.point(hall, {"amenity": "townhall", "name": f"{name}人民政府"})
    shapes = np.array(blocks, dtype=object)
    inner = shapely.simplify(shapely.buffer(shapes, -_RIM_M), 8.0)
    usable = np.array([g.geom_type == "Polygon" and g.area > 3_000 for g in inner])
    if not usable.any():
        return
    inner = inner[usable]
    centre = np.hypot(*(shapely.get_coordinates(shapely.centroid(inner)) - place.xy).T)
    nearness = 1.0 - centre / max(float(centre.max()), 1.0)
    weight = shapely.area(inner) ** 0.7
    taken = np.zeros(len(inner), dtype=bool)
    for tags, ending, share, pull in AREAS:
        chance = np.where(taken, 0.0, np.exp(1.6 * pull * (nearness - 0.5)))
        count = min(rng.binomial(len(inner), share), int((chance > 0).sum()))
        if count == 0:
            continue
        for k in rng.choice(len(inner), count, replace=False, p=chance / chance.sum()):
            taken[k] = True
            ring = shapely.get_coordinates(inner[k].exterior)[:-1]
            found.areas.append((ring, {**tags, "name": brand(rng) + ending}))
    _at_rims(place, inner, weight, nearness, found, rng)


def _at_rims(
    place: Place,
    inner: npt.NDArray[np.object_],
    weight: Floats,
    nearness: Floats,
    found: Furniture,
    rng: np.random.Generator,
) -> None:
    for tags, ending, rate, pull in POINTS:
        if place.kind != "core" and tags.get("station") == "subway":
            continue
        count = int(rng.poisson(rate * place.people / 1e4))
        if place.kind == "town" and tags.get("amenity") in {"fuel", "parking"}:
            count = max(count, 1)
        chance = weight * np.exp(1.6 * pull * (nearness - 0.5))
        picks = rng.choice(len(inner), count, p=chance / chance.sum())
        for k in picks:
            spot = shapely.get_coordinates(
                shapely.line_interpolate_point(inner[k].exterior, rng.random(), normalized=True)
            )[0]
            found.point(spot, _with_capacity({**tags, "name": brand(rng) + ending}, rng))


def _with_capacity(tags: Tags, rng: np.random.Generator) -> Tags:
    if tags.get("amenity") == "parking":
        return {**tags, "capacity": str(int(round(rng.lognormal(4.7, 0.6) / 5) * 5))}
    if tags.get("amenity") == "charging_station":
        return {**tags, "capacity": str(int(rng.integers(4, 25)))}
    return tags


def _roadside(
    streets: list[Street], settled: Settlement, found: Furniture, rng: np.random.Generator
) -> None:
    """Add fuel stations beside the main roads between built-up areas."""
    built = shapely.union_all([p.outline for p in settled.places])
    shapely.prepare(built)
    for street in streets:
        if _RANK.get(street.highway, 9) > 2 or street.key < 0:
            continue
        total = lengths(street.line)[-1]
        at = np.arange(rng.uniform(0.2, 0.8) * FUEL_EVERY_M, total, FUEL_EVERY_M)
        if len(at) == 0:
            continue
        spots = along(street.line, at)
        ahead = unit(along(street.line, np.minimum(at + 20, total)) - spots + 1e-9)
        side = np.where(rng.random(len(at)) < 0.5, 1.0, -1.0)[:, None]
        spots = spots + side * (street.width_m / 2 + 32.0) * right_of(ahead)
        for spot in spots[~shapely.contains_xy(built, spots[:, 0], spots[:, 1])]:
            found.point(spot, {"amenity": "fuel", "name": brand(rng) + "加油站"})


def _landmarks(settled: Settlement, found: Furniture, rng: np.random.Generator) -> None:
    """Add railway and coach stations, an airport, scenic places in the country."""
    for place in settled.places:
        if place.kind == "town":
            continue
        radius = math.sqrt(place.outline.area / math.pi)
        count = 3 if place.kind == "core" else 1
        turn = rng.uniform(0, 2 * math.pi)
        for k in range(count):
            angle = turn + 2 * math.pi * k / count
            way = np.array([math.cos(angle), math.sin(angle)])
            title = place.name.rstrip("区县市") + ("", "东", "西")[k] + "站"
            station = {"railway": "station", "name": title}
            found.point(np.array(place.xy) + 0.7 * radius * way, station)
            coach = {"amenity": "bus_station", "name": title.removesuffix("站") + "汽车站"}
            found.point(np.array(place.xy) + 0.6 * radius * way[::-1], coach)
    core = settled.places[0]
    if core.kind == "core" and core.people > 1e6:
        radius = math.sqrt(core.outline.area / math.pi)
        ring = shapely.buffer(core.outline, 0.9 * radius + 8_000.0).exterior
        land = shapely.get_coordinates(
            shapely.intersection(ring, shapely.buffer(settled.land, -2_000))
        )
        if len(land):
            spot = land[rng.integers(len(land))]
            corners = spot + np.array([[-1600, -900], [1600, -900], [1600, 900], [-1600, 900]])
            found.areas.append((corners, {"aeroway": "aerodrome", "name": "国际机场"}))
    count = max(int(settled.land.area / 1.8e8), 2)
    if len(settled.villages) > count:
        for k in rng.choice(len(settled.villages), count, replace=False):
            spot = settled.villages[k] + rng.normal(0, 300, 2)
            found.point(spot, {"tourism": "attraction", "name": brand(rng) + "风景区"})
