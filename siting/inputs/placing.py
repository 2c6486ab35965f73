"""Bring a layer's coordinates to WGS-84 degrees, or say why they can't be what they claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from siting.datum import swapped_axes, to_wgs84
from siting.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_EARTH_M = 6_378_137.0
_MERCATOR_EDGE_M = 20_037_508.35
_DEGREES = np.array((180.0, 90.0))
_SHOWN = 5


def refuse_unusable(
    geometry: npt.NDArray[np.object_], names: list[str], path: Path, what: str = "lines"
) -> None:
    """
    Refuse geometries that are missing, empty, or hold NaN or infinite coordinates.

    Parameters
    ----------
    geometry
        Shapely geometries or None, shape (n,).
    names
        What to call each row in the message.
    path
        The file.
    what
        What the layer holds.

    Raises
    ------
    InputError
        With the number of bad rows and the names of the first.
    """
    bad = shapely.is_missing(geometry) | shapely.is_empty(geometry)
    xy, owner = shapely.get_coordinates(geometry, return_index=True)
    bad[owner[~np.isfinite(xy).all(axis=1)]] = True
    if not bad.any():
        return
    first = [names[row] for row in np.flatnonzero(bad)[:_SHOWN].tolist()]
    raise InputError(
        f"{int(bad.sum()):,} of {len(bad):,} {what} have no geometry or NaN coordinates",
        where=path,
        value=", ".join(first) + (" ..." if bad.sum() > _SHOWN else ""),
        cure="Delete or repair these features",
    )


def to_lonlat(xy: Floats, crs: CRS | str | None, datum: str, path: Path) -> Floats:
    """
    Return WGS-84 degrees.

    Parameters
    ----------
    xy
        Coordinates as stored, finite, shape (n, 2).
    crs
        What the file says; None where it says nothing, then degrees are taken for degrees.
    datum
        `wgs84`, `cgcs2000`, `gcj02` or `bd09`: what the degrees really are.
    path
        The file, for messages.

    Raises
    ------
    InputError
        Axes are swapped, metres are labelled degrees or the other way round, or there is no CRS.
    """
    known = _crs(crs, path)
    if known is None or known.is_geographic:
        _refuse_no_degrees(xy, known, path)
    elif (np.abs(xy) <= 2 * _DEGREES[0]).all():
        raise InputError(
            f"the layer says its coordinates are metres ({known.name}), but they look like degrees",
            where=path,
            value=_extent(xy),
            cure="Set the layer's CRS to WGS-84 (EPSG:4326)",
        )
    degrees = xy if known is None else _transformed(xy, known, path)
    return np.column_stack(to_wgs84(degrees[:, 0], degrees[:, 1], datum))


def _crs(crs: CRS | str | None, path: Path) -> CRS | None:
    if crs is None:
        return None
    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise InputError(
            "the layer's CRS isn't known", where=path, value=str(crs)[:80], cure="Set its CRS"
        ) from error


def _transformed(xy: Floats, crs: CRS, path: Path) -> Floats:
    wgs84 = CRS.from_epsg(4326)
    if crs == wgs84:
        return xy
    transformer = Transformer.from_crs(crs, wgs84, always_xy=True)
    degrees = np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))
    if not (np.isfinite(degrees).all() and (np.abs(degrees) <= _DEGREES).all()):
        raise InputError(
            f"coordinates lie outside the area of their CRS ({crs.name})",
            where=path,
            value=_extent(xy),
            cure="Check the layer's CRS",
        )
    return degrees


def _refuse_no_degrees(xy: Floats, crs: CRS | None, path: Path) -> None:
    if (np.abs(xy) <= _DEGREES).all():
        return
    if swapped_axes(xy[:, 0], xy[:, 1]):
        raise InputError(
            "longitude and latitude are swapped",
            where=path,
            value=_extent(xy),
            cure="Export the layer with longitude first",
        )
    label = "has no CRS" if crs is None else f"says its coordinates are degrees ({crs.name})"
    raise InputError(
        f"the layer {label}, but they look like metres",
        where=path,
        value=_extent(xy) + _as_mercator(xy),
        cure="Set the layer's CRS (a shapefile's lies in its .prj)",
    )


def _as_mercator(xy: Floats) -> str:
    """Say where the middle would lie if the metres were Web Mercator."""
    x, y = (xy.min(axis=0) + xy.max(axis=0)) / 2
    if max(abs(x), abs(y)) > _MERCATOR_EDGE_M:
        return ""
    lon = np.degrees(x / _EARTH_M)
    lat = np.degrees(np.arctan(np.sinh(y / _EARTH_M)))
    return f"; as Web Mercator (EPSG:3857) around {lon:.3f}, {lat:.3f}"


def _extent(xy: Floats) -> str:
    (west, south), (east, north) = xy.min(axis=0), xy.max(axis=0)
    return f"x {west:.6g} to {east:.6g}, y {south:.6g} to {north:.6g}"
