"""Parse KML placemarks without GDAL, whose driver follows links and opens archives."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.errors import InputError
from siting.inputs.tables import WGS84

if TYPE_CHECKING:
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

MOST_BYTES = 500_000_000
"""Largest KML that is read."""
_CURE = "Export the layer again, or convert it to GeoPackage"


def read_kml(path: Path) -> gpd.GeoDataFrame:
    """
    Read the placemarks of a KML file.

    Parameters
    ----------
    path
        KML 2.x. Document types are refused by `siting.inputs.sniff`, so no entity can be declared;
        links to other files are not followed.

    Returns
    -------
    frame
        EPSG:4326, one row a placemark with `name`, `description` and its extended data as text;
        geometry is None where there is none. Heights are dropped.

    Raises
    ------
    InputError
        The XML or a coordinate is damaged.
    """
    if path.stat().st_size > MOST_BYTES:
        raise InputError(
            f"a KML file of over {MOST_BYTES / 1e6:,.0f} MB isn't read", where=path, cure=_CURE
        )
    rows: list[dict[str, str]] = []
    shapes: list[BaseGeometry | None] = []
    try:
        for _, element in ET.iterparse(path):  # noqa: S314  (no document type, so no entities)
            if _tag(element) == "Placemark":
                rows.append(_properties(element))
                shapes.append(_placemark(element, f"{path}: placemark {len(rows)}"))
                element.clear()
    except ET.ParseError as error:
        raise InputError("the KML is damaged", where=path, value=error, cure=_CURE) from error
    geometry = np.empty(len(shapes), dtype=object)
    geometry[:] = shapes
    return gpd.GeoDataFrame(pd.DataFrame.from_records(rows), geometry=geometry, crs=WGS84)


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _properties(placemark: ET.Element) -> dict[str, str]:
    row: dict[str, str] = {}
    for element in placemark.iter():
        tag, text = _tag(element), (element.text or "").strip()
        if tag in {"name", "description"}:
            row.setdefault(tag, text)
        elif tag == "SimpleData":
            row[element.get("name", "")] = text
        elif tag == "Data":
            value = next((child for child in element if _tag(child) == "value"), None)
            row[element.get("name", "")] = "" if value is None else (value.text or "").strip()
    return row


def _placemark(placemark: ET.Element, where: str) -> BaseGeometry | None:
    try:
        found = [_shape(element) for element in placemark.iter() if _tag(element) in _SHAPES]
    except (ValueError, IndexError, shapely.errors.ShapelyError) as error:
        raise InputError("a geometry is malformed", where=where, value=error, cure=_CURE) from error
    if len(found) <= 1:
        return found[0] if found else None
    kinds = {shape.geom_type for shape in found}
    if len(kinds) > 1:
        return shapely.GeometryCollection(found)
    parts = np.array(found, dtype=object)
    if kinds == {"Point"}:
        return cast("BaseGeometry", shapely.multipoints(parts))
    if kinds == {"LineString"}:
        return cast("BaseGeometry", shapely.multilinestrings(parts))
    return cast("BaseGeometry", shapely.multipolygons(parts))


_SHAPES = frozenset({"Point", "LineString", "Polygon"})


def _shape(element: ET.Element) -> BaseGeometry:
    texts = [item.text or "" for item in element.iter() if _tag(item) == "coordinates"]
    rings = [_xy(text) for text in texts]
    if _tag(element) == "Point":
        return shapely.Point(rings[0][0])
    if _tag(element) == "LineString":
        return shapely.LineString(rings[0])
    return shapely.Polygon(rings[0], rings[1:])


def _xy(text: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Parse `lon,lat[,height]` tuples."""
    pairs = [item.split(",")[:2] for item in text.split()]
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)
