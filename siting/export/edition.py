"""Which layers leave the house, in which frame, and how exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from pyproj.exceptions import CRSError

from siting.datum import from_wgs84
from siting.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

DATUMS = ("wgs84", "gcj02", "bd09")
SENSITIVE = ("substations", "rsus", "edge_nodes")
"""
Layers whose exact places a public edition doesn't give.

Coordinates of power and communication facilities are on the list of geographic information that
isn't to be shown openly (公开地图内容表示规范, 自然资规〔2023〕2号).
"""
PUBLIC = (
    *("stations", "hydrogen", "districts", "roads", "places", "zones", "test_road_catalogue"),
    *SENSITIVE,
)
"""Layers of a public edition; the others let the places of the sensitive ones be worked out."""
COARSE_M = 1000.0
"""Side of the squares whose middles stand for sensitive places. Planner's own."""
TELLING = ("node_id", "access_m", "edge_id")
"""Columns that tell a place as well as its coordinates do."""
_METRES_PER_DEGREE = 111_320.0
_WGS84 = pyproj.CRS.from_epsg(4326)


@dataclass(frozen=True, slots=True)
class Edition:
    """
    The frame and exactness of an export.

    Attributes
    ----------
    crs
        Anything that PROJ reads, for example `EPSG:4548`.
    datum
        `wgs84`, or the shifted `gcj02` or `bd09` of Chinese web maps; those are always degrees.
    precision_m
        Coordinates are rounded to a grid of about this many metres; None for 1e-7 degrees or 1 mm.
    public
        Whether sensitive places are made coarse and layers that tell them are left out.
    """

    crs: str = "EPSG:4326"
    datum: str = "wgs84"
    precision_m: float | None = None
    public: bool = False

    def __post_init__(self) -> None:
        """Refuse frames that don't exist or can't be."""
        if self.datum not in DATUMS:
            raise InputError("unknown datum", value=self.datum, cure=f"Use {', '.join(DATUMS)}")
        try:
            crs = pyproj.CRS.from_user_input(self.crs)
        except CRSError as error:
            raise InputError(
                "unknown coordinate reference system",
                value=self.crs,
                cure="Use a code such as EPSG:4326, EPSG:4490 or EPSG:4548",
            ) from error
        if self.datum != "wgs84" and crs != _WGS84:
            raise InputError(
                f"{self.datum} is given in degrees and has no projection",
                value=self.crs,
                cure="Leave --crs out, or --datum",
            )
        if self.precision_m is not None and not 0 < self.precision_m <= COARSE_M:
            raise InputError(
                "the precision has to be more than 0 m and at most 1 km",
                value=f"{self.precision_m:g}",
                cure="Give metres, for example 1",
            )

    @property
    def suffix(self) -> str:
        """Ending of every file name in a shifted or coarse edition."""
        shifted = "" if self.datum == "wgs84" else f"_{self.datum}"
        return f"{shifted}{'_public' if self.public else ''}"

    @property
    def frame(self) -> str:
        """Say in which frame the coordinates are."""
        names = {"gcj02": "GCJ-02 (shifted; not WGS-84)", "bd09": "BD-09 (shifted; not WGS-84)"}
        return names.get(self.datum, pyproj.CRS.from_user_input(self.crs).name + f" ({self.crs})")


def edit(
    layers: Mapping[str, gpd.GeoDataFrame], edition: Edition, metric: pyproj.CRS
) -> dict[str, gpd.GeoDataFrame]:
    """
    Return the layers of an edition.

    Parameters
    ----------
    layers
        Layers in EPSG:4326.
    edition
        The frame and exactness wanted.
    metric
        Metric CRS of the city, in which coarse places are made.

    Returns
    -------
    dict
        Layers in the edition's frame; those of a shifted datum carry no CRS, so that no programme
        takes them for WGS-84.
    """
    kept = {
        name: _coarse(frame, metric) if edition.public and name in SENSITIVE else frame
        for name, frame in layers.items()
        if not edition.public or name in PUBLIC
    }
    return {name: _framed(frame, edition) for name, frame in kept.items()}


def _coarse(frame: gpd.GeoDataFrame, metric: pyproj.CRS) -> gpd.GeoDataFrame:
    """Put sensitive places in the middle of their square and drop what tells them."""
    xy = shapely.get_coordinates(frame.geometry.to_crs(metric).to_numpy())
    middle = (np.floor(xy / COARSE_M) + 0.5) * COARSE_M
    points = gpd.GeoSeries(shapely.points(middle), crs=metric).to_crs(frame.crs)
    plain = frame.drop(columns=[name for name in TELLING if name in frame.columns])
    return plain.set_geometry(gpd.GeoSeries(points.to_numpy(), index=frame.index, crs=frame.crs))


def _framed(frame: gpd.GeoDataFrame, edition: Edition) -> gpd.GeoDataFrame:
    """Move a layer to the frame of an edition and round it."""
    if edition.datum == "wgs84":
        moved = frame.geometry.to_crs(edition.crs)
        shapes, crs = moved.to_numpy(), moved.crs
    else:
        shapes, crs = frame.geometry.to_numpy(), None
        shapes = shapely.transform(
            shapes,
            lambda lonlat: np.column_stack(from_wgs84(lonlat[:, 0], lonlat[:, 1], edition.datum)),
        )
    degrees = crs is None or crs.is_geographic
    decimals = _decimals(edition.precision_m, degrees=degrees)
    rounded = shapely.transform(shapes, lambda xy: np.round(xy, decimals) + 0.0)
    plain = frame.drop(columns=frame.geometry.name)
    return gpd.GeoDataFrame(plain, geometry=gpd.GeoSeries(rounded, index=frame.index, crs=crs))


def _decimals(precision_m: float | None, *, degrees: bool) -> int:
    """Return the decimals whose grid is no finer than the precision asked for."""
    if precision_m is None:
        return 7 if degrees else 3
    step = precision_m / _METRES_PER_DEGREE if degrees else precision_m
    return math.floor(-math.log10(step) + 1e-9)
