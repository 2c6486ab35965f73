"""Corridors: the named road sections between junctions that test roads are chosen from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array, csr_array

from siting.candidates.corridornames import (
    DEAD_END,
    SectionEnd,
    edge_names,
    end_names,
    unnamed_labels,
)
from siting.candidates.corridortraits import (
    carriageway,
    crossings,
    curvature,
    indicators,
    near_places,
    structures,
)
from siting.candidates.grades import graded
from siting.candidates.halves import main_halves
from siting.candidates.roadsections import find_sections, in_order, section_lengths
from siting.datum import geometry_to_lonlat
from siting.demand.cells import district_of
from siting.errors import InputError
from siting.frames import ROAD_CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from siting.candidates.roadsections import Sections
    from siting.frames import CityMap
    from siting.network import Network
    from siting.network.junctions import Junctions

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Objects = npt.NDArray[np.object_]

CLASSES = ("motorway", "trunk", "primary", "secondary", "tertiary", "unclassified")
"""Classes whose roads are corridors unless the caller says otherwise."""

STUB_M = 100.0
"""A shorter section with a dead end is no road to publish. Planner's own."""


@dataclass(frozen=True, slots=True)
class CorridorRules:
    """
    What makes a corridor.

    Attributes
    ----------
    classes
        Road classes that are corridors, values of `frames.ROAD_CLASSES` that are no links; a
        corridor ends wherever another road of these classes meets it.
    school_m, hospital_m
        A school or hospital counts as near a corridor up to this far from its outline (taken for
        the circle of its area; the point where the map has no area).
    """

    classes: tuple[str, ...] = CLASSES
    school_m: float = 150.0
    hospital_m: float = 150.0


@dataclass(frozen=True, slots=True)
class Corridors:
    """
    Road sections between junctions, each centreline kilometre once, and the graph they make.

    Attributes
    ----------
    frame
        EPSG:4326 LineStrings or MultiLineStrings of the centreline (of a dual carriageway one
        half), RangeIndex, sorted by `corridor_id`. Columns: `corridor_id` (str, from the vertex
        ids of its ends), `road` (its name, else its `ref`, else a label), `named` (bool: the map
        has a name or ref), `from_name`, `to_name` (the roads that it runs between), `length_m`
        (geodesic length of the line), `highway` (class), `lanes` (both ways together) with
        `lanes_source`, `speed_kmh` with `speed_source` (`tag` or `class`), `dual_share` and
        `one_way_share` (of the length), `accesses_per_km` (side roads on the map),
        `district_id` (where most of its length lies), `curvature` (degrees a km),
        `signals_per_km`, `bridge`, `tunnel` (bool), `bridge_m`, `tunnel_m`, `schools`,
        `hospitals` (number near), `points` and `grade` (complexity, see `grades`), `expressway`
        (bool: motorway or trunk), `excluded` (why it can't be a test road: `outside` of the
        districts, `stub` of a dead end, "" for none), `opened` (bool: it is a test road already).
    tail, head
        Graph node at both ends, equal for a ring, shape (e,). `tail` is where `from_name` is.
    node_xy
        Middle of each graph node in `network.crs`, shape (k, 2).
    node_junction
        Row in `Junctions` of each graph node, -1 for none, shape (k,).
    node_of
        Graph node of every network node, -1 where no corridor begins or ends, shape (n,). All
        nodes of a crossing of dual carriageways, of a roundabout or of an interchange have the
        same.
    edges
        Which network edges belong to each corridor, both carriageways, bool, shape (e, m).
    counted
        Network edges whose length is counted, shape (m,).
    left_out_km
        Centreline km in no corridor by reason: `ramp`, `roundabout`, `crossover` (pieces between
        carriageways), `class` (roads of other classes). With the corridors they are all roads.
    """

    frame: gpd.GeoDataFrame
    tail: npt.NDArray[np.int64]
    head: npt.NDArray[np.int64]
    node_xy: npt.NDArray[np.float64]
    node_junction: npt.NDArray[np.int64]
    node_of: npt.NDArray[np.int64]
    edges: csr_array
    counted: npt.NDArray[np.bool_]
    left_out_km: Mapping[str, float]


def find_corridors(
    network: Network,
    junctions: Junctions,
    districts: gpd.GeoDataFrame,
    city_map: CityMap,
    settings: CorridorRules | None = None,
) -> Corridors:
    """
    Merge the roads into corridors and describe them.

    A corridor runs along one road (a name, else a straight line, of one class) from one place where
    another road of `settings.classes` meets it to the next. Roads of other classes don't end one.

    Parameters
    ----------
    network
        The network.
    junctions
        Its real junctions.
    districts
        Districts planned, EPSG:4326; corridors that lie mostly outside are excluded.
    city_map
        Roads with tags, schools and hospitals.
    settings
        What makes a corridor; the defaults when left out.

    Raises
    ------
    InputError
        No road is of the classes asked for.
    """
    rules = settings or CorridorRules()
    name = edge_names(network, city_map.roads)
    code = pd.factorize(pd.Series(name).where(name != ""))[0].astype(np.int64)
    main = main_halves(network, code)
    found = find_sections(
        network,
        junctions.of_node,
        name=code,
        main=main,
        of_class=np.isin(network.highway, _codes(rules.classes)),
        roundabout=city_map.roads.frame["roundabout"].to_numpy(dtype=bool)[network.road],
    )
    if len(found.ends) == 0:
        raise InputError(
            "no road can be a test road",
            where="roads",
            value=f"no road of {', '.join(rules.classes)}",
            cure="Add road classes to the test roads of the model",
        )
    found = in_order(network, found)
    district = _districts(network, found, districts)
    member = np.where(main >= 0, found.of_edge[main], found.of_edge)
    edges = _edges(member, len(found.ends))
    frame = _frame(network, districts, found, name=name, district=district, member=member)
    frame = _with_traits(
        frame, network, city_map, found, rules, main=main, member=member, edges=edges
    )
    return _graph(network, junctions, found, frame, edges)


def _codes(classes: tuple[str, ...]) -> Ints:
    unknown = [name for name in classes if name not in ROAD_CLASSES or name.endswith("_link")]
    if unknown:
        raise InputError(
            "a class of test roads is none",
            where="test roads",
            value=unknown[0],
            cure=f"Use some of {', '.join(n for n in ROAD_CLASSES if not n.endswith('_link'))}",
        )
    return np.array([ROAD_CLASSES.index(name) for name in classes], dtype=np.int64)


def _ids(network: Network, found: Sections) -> list[str]:
    """Name sections by the vertex ids of their ends; parallel ones are numbered by length."""
    vertex = np.sort(network.node_id[found.ends], axis=1)
    fresh = np.r_[True, (np.diff(vertex, axis=0) != 0).any(axis=1)]
    start = np.maximum.accumulate(np.where(fresh, np.arange(len(vertex)), 0))
    number = np.arange(len(vertex)) - start + 1
    return [
        f"c{one}-{two}" + (f"-{which}" if which > 1 else "")
        for (one, two), which in zip(vertex.tolist(), number.tolist(), strict=True)
    ]


def _edges(member: Ints, count: int) -> csr_array:
    """Edges of each section with the lesser halves beside them, shape (e, m)."""
    some = np.flatnonzero(member >= 0)
    return csr_array(
        (np.ones(len(some), dtype=np.bool_), (member[some], some)), shape=(count, len(member))
    )


def _districts(network: Network, found: Sections, districts: gpd.GeoDataFrame) -> Ints:
    """Row of the district that most of each section's length lies in, -1 for outside."""
    counted = np.flatnonzero(found.of_edge >= 0)
    middle = shapely.line_interpolate_point(network.geometry[counted], 0.5, normalized=True)
    polygons = districts.geometry.to_crs(network.crs).to_numpy()
    at = district_of(polygons, shapely.get_coordinates(middle))
    metres = coo_array(
        (network.length_m[counted], (found.of_edge[counted], at + 1)),
        shape=(len(found.ends), len(districts) + 1),
    ).toarray()
    return np.asarray(metres.argmax(axis=1) - 1, dtype=np.int64)


def _frame(
    network: Network,
    districts: gpd.GeoDataFrame,
    found: Sections,
    *,
    name: Objects,
    district: Ints,
    member: Ints,
) -> gpd.GeoDataFrame:
    """Ids, names, classes and lines of sections."""
    counted = np.flatnonzero(found.of_edge >= 0)
    section = found.of_edge[counted]
    order = np.argsort(section, kind="stable")
    first = counted[order[np.r_[True, np.diff(section[order]) != 0]]]
    ids = np.append(districts["district_id"].astype(str).to_numpy(dtype=object), "")
    road, named = _roads(network, districts, found, name, first=first, district=district)
    label = np.where((name == "") & (member >= 0), road[member], name)
    ends = [
        end_names(
            network,
            found.place,
            label,
            named=name != "",
            road=road,
            end=SectionEnd(found.place[found.ends[:, side]], found.heading[:, side]),
        )
        for side in (0, 1)
    ]
    lines = shapely.line_merge(
        shapely.multilinestrings(network.geometry[counted][order], indices=section[order])
    )
    return gpd.GeoDataFrame(
        {
            "corridor_id": _ids(network, found),
            "road": road,
            "named": named,
            "from_name": ends[0],
            "to_name": ends[1],
            "length_m": section_lengths(network, found),
            "highway": np.array(ROAD_CLASSES, dtype=object)[network.highway[first]],
            "district_id": ids[district],
        },
        geometry=geometry_to_lonlat(np.asarray(lines), network.crs),
        crs="EPSG:4326",
    )


def _roads(
    network: Network,
    districts: gpd.GeoDataFrame,
    found: Sections,
    name: Objects,
    *,
    first: Ints,
    district: Ints,
) -> tuple[Objects, npt.NDArray[np.bool_]]:
    """Road of each section, and whether the map names it."""
    road = name[first].astype(object)
    named = road != ""
    bare = np.flatnonzero(~named)
    # Where all is one district, its name tells nothing.
    several = len(districts) > 1
    towns = np.append(districts["name"].astype(str).to_numpy(dtype=object), "")
    if len(bare):
        road[bare] = unnamed_labels(
            found.stroke[bare],
            network.highway[first[bare]],
            towns[district[bare]] if several else np.full(len(bare), "", dtype=object),
            network.node_id[found.ends[bare]].min(axis=1),
        )
    return road, named


def _with_traits(
    frame: gpd.GeoDataFrame,
    network: Network,
    city_map: CityMap,
    found: Sections,
    rules: CorridorRules,
    *,
    main: Ints,
    member: Ints,
    edges: csr_array,
) -> gpd.GeoDataFrame:
    """Add what sections are like, and their grade."""
    metres = frame["length_m"].to_numpy()
    traits = pd.concat(
        [
            carriageway(network, city_map.roads, found.of_edge, main, count=len(frame)),
            structures(network, city_map.roads, found.of_edge, len(frame)),
            crossings(network, found.place, member, found.place[found.ends], metres),
        ],
        axis=1,
    )
    traits["curvature"] = curvature(frame.geometry.to_crs(network.crs).to_numpy(), metres)
    traits["schools"] = near_places(network, edges, city_map, "school", rules.school_m)
    traits["hospitals"] = near_places(network, edges, city_map, "hospital", rules.hospital_m)
    traits["points"], traits["grade"] = graded(indicators(traits, metres))
    traits["expressway"] = frame["highway"].isin(["motorway", "trunk"]).to_numpy()
    dead = (frame["from_name"] == DEAD_END) | (frame["to_name"] == DEAD_END)
    traits["excluded"] = np.select(
        [frame["district_id"] == "", dead & (metres < STUB_M)], ["outside", "stub"], default=""
    ).astype(object)
    traits["opened"] = np.zeros(len(frame), dtype=np.bool_)
    return frame.assign(**{str(name): traits[name].to_numpy() for name in traits.columns})


def _graph(
    network: Network,
    junctions: Junctions,
    found: Sections,
    frame: gpd.GeoDataFrame,
    edges: csr_array,
) -> Corridors:
    """Nodes where corridors meet, and what is in no corridor."""
    place, at = np.unique(found.place[found.ends], return_inverse=True)
    at = at.reshape(-1, 2).astype(np.int64)
    number = np.full(int(found.place.max()) + 1, -1, dtype=np.int64)
    number[place] = np.arange(len(place))
    node_of = number[found.place]
    some = np.flatnonzero(node_of >= 0)
    times = np.bincount(node_of[some])
    middle = [np.bincount(node_of[some], weights=network.node_xy[some, k]) / times for k in (0, 1)]
    out = found.reason != ""
    km = pd.Series(network.length_m[out] / 1000.0).groupby(found.reason[out]).sum()
    return Corridors(
        frame=frame,
        tail=at[:, 0],
        head=at[:, 1],
        node_xy=np.column_stack(middle),
        node_junction=_node_junctions(junctions, node_of, len(place)),
        node_of=node_of,
        edges=edges,
        counted=found.of_edge >= 0,
        left_out_km={str(reason): float(value) for reason, value in km.items()},
    )


def _node_junctions(junctions: Junctions, node_of: Ints, count: int) -> Ints:
    """Junction of each graph node: a key junction before others, then the first."""
    some = np.flatnonzero((node_of >= 0) & (junctions.of_node >= 0))
    which = junctions.of_node[some]
    order = np.lexsort((which, ~junctions.key[which], node_of[some]))
    first = order[np.r_[True, np.diff(node_of[some][order]) != 0]] if len(order) else order
    found = np.full(count, -1, dtype=np.int64)
    found[node_of[some][first]] = which[first]
    return found
