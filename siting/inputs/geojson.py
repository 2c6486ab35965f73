"""
Parse GeoJSON (RFC 7946) without GDAL.

GDAL's JSON drivers follow links in `crs` members and open other files named in lookalike formats; a
file from outside shouldn't be able to make the planner connect anywhere.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.errors import InputError
from siting.inputs.tables import WGS84

if TYPE_CHECKING:
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

MOST_BYTES = 1_000_000_000
"""Largest GeoJSON that is read; it lies in memory several times over."""
_CURE = "Export the layer again, or convert it to GeoPackage"


def read_geojson(path: Path) -> gpd.GeoDataFrame:
    """
    Read a FeatureCollection (or one Feature).

    Parameters
    ----------
    path
        UTF-8 text.

    Returns
    -------
    frame
        One row a feature with its properties; geometry may be None. CRS as in a `crs` member of
        the 2008 format by EPSG name, else EPSG:4326.

    Raises
    ------
    InputError
        The text isn't JSON or isn't GeoJSON, or a geometry is malformed.
    """
    if path.stat().st_size > MOST_BYTES:
        raise InputError(
            f"a GeoJSON file of over {MOST_BYTES / 1e6:,.0f} MB isn't read", where=path, cure=_CURE
        )
    try:
        document = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(
            "this isn't well-formed JSON", where=path, value=error, cure=_CURE
        ) from error
    features = _features(document, path)
    geometry = np.empty(len(features), dtype=object)
    geometry[:] = [_geometry(feature, row, path) for row, feature in enumerate(features)]
    table = pd.DataFrame.from_records([_properties(feature) for feature in features])
    table = table.drop(columns="geometry", errors="ignore").reindex(range(len(features)))
    return gpd.GeoDataFrame(table, geometry=geometry, crs=_crs(document, path))


def _features(document: Any, path: Path) -> list[dict[str, Any]]:  # noqa: ANN401  (any JSON)
    kind = document.get("type") if isinstance(document, dict) else None
    features = [document] if kind == "Feature" else None
    if kind == "FeatureCollection":
        features = document.get("features")
    if not isinstance(features, list) or not all(isinstance(item, dict) for item in features):
        raise InputError(
            "this JSON is no GeoJSON FeatureCollection", where=path, value=kind, cure=_CURE
        )
    return features


def _properties(feature: dict[str, Any]) -> dict[str, Any]:
    properties = feature.get("properties")
    row = dict(properties) if isinstance(properties, dict) else {}
    if "id" in feature:
        row.setdefault("id", feature["id"])
    return row


def _geometry(feature: dict[str, Any], row: int, path: Path) -> BaseGeometry | None:
    shape = feature.get("geometry")
    if shape is None:
        return None
    try:
        with np.errstate(invalid="ignore"):  # NaN is told with all bad rows, by the caller
            return _made(shape["type"], shape["coordinates"])
    except (KeyError, TypeError, ValueError, IndexError, shapely.errors.ShapelyError) as error:
        raise InputError(
            "a geometry is malformed", where=f"{path}: feature {row + 1}", value=error, cure=_CURE
        ) from error


def _made(kind: str, coordinates: list[Any]) -> BaseGeometry:
    """Build a geometry; heights are dropped."""
    if kind == "Point":
        return shapely.Point(_xy([coordinates])[0])
    if kind == "LineString":
        return shapely.LineString(_xy(coordinates))
    if kind == "MultiLineString":
        return shapely.MultiLineString([_xy(line) for line in coordinates])
    if kind == "Polygon":
        return _polygon(coordinates)
    if kind == "MultiPolygon":
        return shapely.MultiPolygon([_polygon(rings) for rings in coordinates])
    if kind == "MultiPoint":
        return shapely.MultiPoint(_xy(coordinates))
    raise ValueError(f"geometry type {str(kind)[:40]}")


def _polygon(rings: list[Any]) -> shapely.Polygon:
    shell, *holes = (_xy(ring) for ring in rings)
    return shapely.Polygon(shell, holes)


def _xy(coordinates: list[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        array = np.asarray(coordinates, dtype=np.float64)
    except ValueError:  # some vertices with height, some without
        array = np.array([vertex[:2] for vertex in coordinates], dtype=np.float64)
    return array.reshape(len(coordinates), -1)[:, :2] if len(array) else np.zeros((0, 2))


def _crs(document: dict[str, Any], path: Path) -> str:
    stated = document.get("crs")
    if stated is None:
        return WGS84
    name = str((stated.get("properties") or {}).get("name", "")) if isinstance(stated, dict) else ""
    if name.upper().endswith(("CRS84", "CRS:84", "OGC:1.3:CRS84")):
        return WGS84
    code = name.rpartition(":")[2]
    if "EPSG" in name.upper() and code.isdecimal():
        return f"EPSG:{code}"
    raise InputError(
        "the CRS of this GeoJSON isn't an EPSG name",
        where=path,
        value=name or json.dumps(stated)[:80],
        cure="Export it in WGS-84 (RFC 7946)",
    )
