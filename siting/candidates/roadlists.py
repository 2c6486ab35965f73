"""Lists of roads that a city has opened or keeps closed, found again among the corridors."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra

from siting.datum import geometry_to_metric
from siting.errors import InputError
from siting.inputs.placing import refuse_unusable, to_lonlat
from siting.inputs.vector import LINE, POLYGON, Wanted, open_layer
from siting.said import Said, beside

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    from pyproj import CRS

    from siting.candidates.corridors import Corridors

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

TABLES = (".csv", ".tsv", ".txt")
LAYERS = ("test_roads", "opened", "excluded", "roads")
"""Names by which the layer is known among several; the first is that of an earlier plan."""

COLUMNS = {
    "road": ("road", "道路", "道路名称", "路段", "路名", "name"),
    "from_name": ("from_name", "from", "起点", "起点路"),
    "to_name": ("to_name", "to", "终点", "终点路"),
    "corridor_id": ("corridor_id", "路段编号"),
}
"""Headings that a table may have for each column."""

BESIDE_M = 30.0
"""A corridor lies on a drawn line up to this far: half the width of a wide road."""

LEAST_SHARE = 0.6
"""A corridor is one of a drawn road from this share of its length on. Planner's own."""


class Stretch(NamedTuple):
    """A stretch of road by name; empty ends: the whole road. An id, where known, goes first."""

    road: str
    from_name: str = ""
    to_name: str = ""
    corridor_id: str = ""

    @property
    def text(self) -> str:
        """As a catalogue writes it."""
        if not self.from_name and not self.to_name:
            return self.road
        return f"{self.road} ({self.from_name or '…'} — {self.to_name or '…'})"


@dataclass(frozen=True, slots=True)
class RoadList:
    """
    Roads as listed: by name, or drawn.

    Attributes
    ----------
    stretches
        Rows of a table.
    shapes
        Lines or polygons of a layer, degrees WGS-84, shape (k,).
    labels
        What each shape is called in messages.
    """

    stretches: tuple[Stretch, ...]
    shapes: npt.NDArray[np.object_]
    labels: tuple[str, ...]


def mark_roads(
    corridors: Corridors,
    crs: CRS,
    *,
    opened: str = "",
    excluded: str = "",
    datum: str = "wgs84",
    own: gpd.GeoDataFrame | None = None,
) -> tuple[Corridors, tuple[Said, ...]]:
    """
    Mark corridors that are test roads already and those that can't be any.

    Parameters
    ----------
    corridors
        The corridors.
    crs
        Metric CRS of `corridors.node_xy`.
    opened, excluded
        Tables (`road`, `from_name`, `to_name`; Chinese headings too) or layers of lines or
        polygons; empty for none.
    datum
        What the degrees of layers really are.
    own
        The city's own layer of opened roads, as `siting.sources.read_layer` gives it.

    Returns
    -------
    corridors
        `opened` is True and `excluded` is `listed` for those found; a road on both lists stays
        open.
    notes
        What of the lists isn't found, one sentence each.

    Raises
    ------
    InputError
        A list can't be read.
    """
    frame = corridors.frame.copy()
    notes: list[Said] = []
    lists = [
        (column, read_road_list(Path(path), datum))
        for path, column in ((excluded, "excluded"), (opened, "opened"))
        if path
    ]
    if own is not None:
        lists.append(("opened", list_of(own)))
    for column, listed in lists:
        rows, missed = match_roads(corridors, crs, listed)
        zh = {"opened": "已开放道路", "excluded": "排除道路"}[column]
        notes += [Said(f"{zh}：{one.zh}", f"{column} roads: {one.en}") for one in missed]
        if column == "opened":
            frame["opened"] |= rows
            frame["excluded"] = frame["excluded"].where(~rows, "")
        else:
            frame["excluded"] = frame["excluded"].where(~rows, "listed")
    return replace(corridors, frame=frame), tuple(notes)


def list_of(frame: gpd.GeoDataFrame) -> RoadList:
    """Return the roads of a layer or table as `siting.sources.read_layer` gives `opened`."""
    shapes = frame.geometry.to_numpy()
    drawn = ~shapely.is_missing(shapes)
    labels = frame["road"].where(frame["road"] != "", frame["row"])[drawn]
    names = frame[~drawn][["road", "from_name", "to_name", "corridor_id"]].to_numpy()
    stretches = tuple(Stretch(*map(_plain, row)) for row in names if row[0])
    return RoadList(stretches, shapes[drawn], tuple(labels))


def read_road_list(path: Path, datum: str = "wgs84") -> RoadList:
    """
    Read a table or a layer of roads.

    Parameters
    ----------
    path
        CSV (UTF-8 or GB 18030, comma or tab), or a vector file of lines or polygons.
    datum
        What the degrees of a layer really are.

    Raises
    ------
    InputError
        The file can't be read, or has no column of roads.
    """
    if path.suffix.lower() in TABLES:
        return RoadList(_stretches(path), np.zeros(0, dtype=object), ())
    try:
        frame = open_layer(path, Wanted(LINE, LAYERS)).frame
    except InputError as error:
        if "no line layer" not in error.what:
            raise
        frame = open_layer(path, Wanted(POLYGON, LAYERS)).frame
    shapes = frame.geometry.to_numpy()
    labels = [f"row {row + 1}" for row in range(len(frame))]
    refuse_unusable(shapes, labels, path)
    lonlat = to_lonlat(shapely.get_coordinates(shapes), frame.crs, datum, path)
    named = next((name for name in COLUMNS["road"] if name in frame.columns), None)
    if named is not None:
        pairs = zip(frame[named].fillna(""), labels, strict=True)
        labels = [str(name) or label for name, label in pairs]
    return RoadList((), shapely.set_coordinates(shapes.copy(), lonlat), tuple(labels))


def _stretches(path: Path) -> tuple[Stretch, ...]:
    table = _table(path)
    found = {
        column: next((name for name in names if name in table.columns), None)
        for column, names in COLUMNS.items()
    }
    if found["road"] is None:
        raise InputError(
            "a list of roads has no column of them",
            where=path,
            value=", ".join(map(str, table.columns)),
            cure=f"Name one {', '.join(COLUMNS['road'][:3])}",
        )
    columns = [
        table[name].map(_plain) if name is not None else pd.Series("", index=table.index)
        for name in found.values()
    ]
    rows = zip(*columns, strict=True)
    return tuple(Stretch(*map(str, row)) for row in rows if row[0])


def _table(path: Path) -> pd.DataFrame:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            with path.open(encoding=encoding) as opened:
                mark = "\t" if "\t" in opened.readline() else ","
            return pd.read_csv(
                path, dtype=str, encoding=encoding, keep_default_na=False, sep=mark
            ).rename(columns=_plain)
        except UnicodeDecodeError:
            continue
        except (OSError, ValueError) as error:
            raise InputError("a list of roads can't be read", where=path, value=error) from error
    raise InputError(
        "a list of roads is neither UTF-8 nor GB 18030", where=path, cure="Save it as UTF-8"
    )


def _plain(text: object) -> str:
    """Text without blanks around and in half width, so that names compare."""
    return unicodedata.normalize("NFKC", str(text)).strip()


def match_roads(
    corridors: Corridors, crs: CRS, listed: RoadList
) -> tuple[npt.NDArray[np.bool_], tuple[Said, ...]]:
    """
    Find listed roads among the corridors.

    A stretch by name is the corridor with these names, else the shortest way along the road of that
    name from a node where it meets the one road to a node where it meets the other; all the road
    without ends, and up to its farther end with one. A drawn line or polygon holds the corridors
    that lie on it by `LEAST_SHARE` of their length.

    Parameters
    ----------
    corridors
        The corridors.
    crs
        Metric CRS of `corridors.node_xy`.
    listed
        What is looked for.

    Returns
    -------
    rows
        Corridors found, shape (e,).
    missed
        What isn't found and why, one sentence each.
    """
    rows = np.zeros(len(corridors.frame), dtype=np.bool_)
    missed: list[Said] = []
    if listed.stretches:
        names = corridors.frame["road"].map(_plain).to_numpy(dtype=object)
        for stretch in listed.stretches:
            some, why = _along(corridors, names, stretch)
            rows[some] = True
            if why:
                missed.append(beside(stretch.text, why))
    if len(listed.shapes):
        lines = geometry_to_metric(corridors.frame.geometry.to_numpy(), crs)
        areas = geometry_to_metric(listed.shapes, crs)
        flat = shapely.get_dimensions(areas) < 2  # noqa: PLR2004  (lines; polygons have 2)
        areas[flat] = shapely.buffer(areas[flat], BESIDE_M, cap_style="flat")
        shape, row = shapely.STRtree(lines).query(areas, predicate="intersects")
        share = shapely.length(shapely.intersection(lines[row], areas[shape]))
        held = share >= LEAST_SHARE * shapely.length(lines[row])
        rows[row[held]] = True
        empty = np.bincount(shape[held], minlength=len(areas)) == 0
        missed += [
            beside(
                listed.labels[at], Said("地图上没有道路与之重合", "no road of the map lies on it")
            )
            for at in np.flatnonzero(empty).tolist()
        ]
    return rows, tuple(missed)


def _exactly(corridors: Corridors, names: npt.NDArray[np.object_], stretch: Stretch) -> Ints:
    """Corridor with the id or the three names of a stretch, or all of a road without ends."""
    frame = corridors.frame
    known: Ints = np.flatnonzero(frame["corridor_id"].to_numpy() == stretch.corridor_id)
    if len(known):
        return known
    own = np.flatnonzero(names == stretch.road)
    if not stretch.from_name and not stretch.to_name:
        return own
    exact: Ints = own[(frame["from_name"].map(_plain) == stretch.from_name).to_numpy()[own]]
    exact = exact[(frame["to_name"].map(_plain) == stretch.to_name).to_numpy()[exact]]
    return exact if len(exact) == 1 else exact[:0]


def _along(
    corridors: Corridors, names: npt.NDArray[np.object_], stretch: Stretch
) -> tuple[Ints, Said | None]:
    """Corridors of a stretch, and why there are none."""
    exact = _exactly(corridors, names, stretch)
    if len(exact):
        return exact, None
    own = np.flatnonzero(names == stretch.road)
    none = np.zeros(0, dtype=np.int64)
    if len(own) == 0:
        close = get_close_matches(stretch.road, sorted(set(names.tolist())), n=1)
        zh, en = (f"；是否为 {close[0]}？", f"; is it {close[0]}?") if close else ("", "")
        return none, Said(f"没有这个名称的道路{zh}", f"no road of that name{en}")
    ends = (stretch.from_name, stretch.to_name)
    nodes = np.unique(np.concatenate([corridors.tail[own], corridors.head[own]]))
    at = [_meeting(corridors, names, own, nodes, name) for name in ends]
    for name, found in zip(ends, at, strict=True):
        if name and len(found) == 0:
            return none, Said(f"与 {name} 不相交", f"it doesn't meet {name}")
    graph = _road_graph(corridors, own, nodes)
    if not all(ends):
        # One end only: up to the farther end of the road.
        begin = at[0] if len(at[0]) else at[1]
        metres = dijkstra(graph, directed=False, indices=begin, min_only=True)
        there = np.flatnonzero(np.isfinite(metres))
        return _way(corridors, own, nodes, graph, begin, there[[metres[there].argmax()]]), None
    way = _way(corridors, own, nodes, graph, at[0], at[1])
    apart = Said("两端沿该路不连通", "its two ends don't hang together along it")
    return way, None if len(way) else apart


def _meeting(
    corridors: Corridors,
    names: npt.NDArray[np.object_],
    own: Ints,
    nodes: Ints,
    name: str,
) -> Ints:
    """Positions in `nodes` where the road meets another one."""
    other = np.flatnonzero(names == name)
    touched = [corridors.tail[other], corridors.head[other]]
    for end, column in ((corridors.tail, "from_name"), (corridors.head, "to_name")):
        label = corridors.frame[column].map(_plain).to_numpy(dtype=object)[own]
        touched.append(end[own[label == name]])
    return np.flatnonzero(np.isin(nodes, np.concatenate(touched))).astype(np.int64)


def _road_graph(corridors: Corridors, own: Ints, nodes: Ints) -> csr_array:
    """Metres along one road between its nodes, the shortest of parallel corridors."""
    a = np.searchsorted(nodes, corridors.tail[own])
    b = np.searchsorted(nodes, corridors.head[own])
    metres = np.maximum(corridors.frame["length_m"].to_numpy(dtype=float)[own], 1e-3)
    low, high = np.minimum(a, b), np.maximum(a, b)
    order = np.lexsort((metres, high, low))
    low, high, metres = low[order], high[order], metres[order]
    first = np.r_[True, (np.diff(low) != 0) | (np.diff(high) != 0)] & (low != high)
    size = len(nodes)
    return csr_array(coo_array((metres[first], (low[first], high[first])), shape=(size, size)))


def _way(
    corridors: Corridors, own: Ints, nodes: Ints, graph: csr_array, begin: Ints, end: Ints
) -> Ints:
    """Corridors of the shortest way from one of some nodes to one of others, none without one."""
    metres, before, _ = dijkstra(
        graph, directed=False, indices=begin, min_only=True, return_predecessors=True
    )
    # Where both roads meet it at one place that place is no stretch.
    away = end[(metres[end] > 0) & np.isfinite(metres[end])]
    if len(away) == 0:
        return np.zeros(0, dtype=np.int64)
    at = int(away[np.argmin(metres[away])])
    steps = []
    while before[at] >= 0:
        steps.append((int(before[at]), at))
        at = int(before[at])
    pairs = {(min(step), max(step)) for step in steps}
    a = np.searchsorted(nodes, corridors.tail[own])
    b = np.searchsorted(nodes, corridors.head[own])
    length_m = corridors.frame["length_m"].to_numpy(dtype=float)
    found = []
    for low, high in sorted(pairs):
        rows = own[(np.minimum(a, b) == low) & (np.maximum(a, b) == high)]
        found.append(int(rows[np.argmin(length_m[rows])]))
    return np.array(found, dtype=np.int64)
