"""Parse an OSMnx graph saved as GraphML: edges as lines, nodes as points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.errors import InputError
from siting.inputs.tables import WGS84

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

_NS = "{http://graphml.graphdrawing.org/xmlns}"
_CURE = "Save the graph with osmnx.save_graphml"


def read_graphml(path: Path) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """
    Read a graph.

    Parameters
    ----------
    path
        GraphML as OSMnx writes it: nodes with `x` and `y`, edges with `geometry` (WKT) where they
        aren't straight, a graph attribute `crs`. Document types are refused by
        `siting.inputs.sniff`, so no entity can be declared.

    Returns
    -------
    edges, nodes
        All attributes as text columns, "" where an element has none.

    Raises
    ------
    InputError
        The XML is damaged, or nodes have no coordinates.
    """
    nodes: dict[str, dict[str, str]] = {}
    edges: list[dict[str, str]] = []
    graph: dict[str, str] = {}
    try:
        _parse(path, nodes, edges, graph)
    except ET.ParseError as error:
        raise InputError("the GraphML is damaged", where=path, value=error, cure=_CURE) from error
    try:
        return _frames(nodes, edges, graph.get("crs") or WGS84)
    except (KeyError, ValueError, shapely.errors.ShapelyError) as error:
        raise InputError(
            "the graph's nodes and edges have no usable coordinates",
            where=path,
            value=error,
            cure=_CURE,
        ) from error


def _parse(
    path: Path, nodes: dict[str, dict[str, str]], edges: list[dict[str, str]], graph: dict[str, str]
) -> None:
    names: dict[str, str] = {}
    own: dict[str, str] = {}
    events = ET.iterparse(path, events=("end",))  # noqa: S314  (no document type, see above)
    for _, element in events:
        tag = element.tag.removeprefix(_NS)
        if tag == "data":
            key = element.get("key", "")
            own[names.get(key, key)] = element.text or ""
            continue
        if tag == "key":
            names[element.get("id", "")] = element.get("attr.name", "")
        elif tag == "node":
            nodes[element.get("id", "")] = own
        elif tag == "edge":
            edges.append({**own, "u": element.get("source", ""), "v": element.get("target", "")})
        elif tag == "graph":
            graph.update(own)
        if tag != "default":
            own = {}
        element.clear()


def _frames(
    nodes: dict[str, dict[str, str]], edges: list[dict[str, str]], crs: str
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    xy = np.array([(float(node["x"]), float(node["y"])) for node in nodes.values()]).reshape(-1, 2)
    row = {name: index for index, name in enumerate(nodes)}
    ends = np.array([(row[edge["u"]], row[edge["v"]]) for edge in edges], dtype=np.int64)
    table = pd.DataFrame(edges).fillna("")
    shapes = _shapes(table, xy, ends.reshape(-1, 2))
    points = pd.DataFrame(list(nodes.values())).fillna("")
    return (
        gpd.GeoDataFrame(table.drop(columns="geometry", errors="ignore"), geometry=shapes, crs=crs),
        gpd.GeoDataFrame(points, geometry=shapely.points(xy), crs=crs),
    )


def _shapes(
    table: pd.DataFrame, xy: npt.NDArray[np.float64], ends: npt.NDArray[np.int64]
) -> npt.NDArray[Any]:
    shapes = np.empty(len(table), dtype=object)
    text = table.get("geometry", pd.Series("", index=table.index)).to_numpy(dtype=object)
    drawn = text != ""
    shapes[drawn] = shapely.from_wkt(text[drawn])
    shapes[~drawn] = shapely.linestrings(xy[ends[~drawn]])
    return shapes
