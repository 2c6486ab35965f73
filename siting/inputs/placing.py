"""Bring a layer's coordinates to WGS-84 degrees, or say why they can't be what they claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from siting.datum import swapped_axes, to_degrees, to_wgs84
from siting.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Bounds = tuple[float, float, float, float]
    Where = Callable[[str], str]

SWAPPED = (
    "longitude and latitude are swapped",
    "northing and easting are swapped",
)
"""What is said of exchanged axes: of degrees, of metres."""
ELSEWHERE = "the layer lies outside the area that is planned"
"""What is said of a layer that no other axes or zone would put into its area."""

_EARTH_M = 6_378_137.0
_MERCATOR_EDGE_M = 20_037_508.35
_DEGREES = np.array((180.0, 90.0))
_SHOWN = 5
_LEAST_IN, _MOST_IN = 0.1, 0.9
_AROUND_DEG = 0.2
_MOST_TRIED = 500


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


def _nowhere(_: str) -> str:
    return ""


def to_lonlat(
    xy: Floats,
    crs: object,
    datum: str,
    path: Path,
    *,
    area: Bounds | None = None,
    where: Where = _nowhere,
) -> Floats:
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
    area
        West, south, east, north of where it should lie, to say which CRS would put it there.
    where
        Key of the source in the model to file and line, for messages.

    Raises
    ------
    InputError
        Axes are swapped, metres are labelled degrees or the other way round, or there is no CRS.
    """
    known = _crs(crs, path)
    if known is None or known.is_geographic:
        _refuse_no_degrees(xy, known, path, area, where)
    elif (np.abs(xy) <= 2 * _DEGREES[0]).all():
        raise InputError(
            f"the layer says its coordinates are metres ({known.name}), but they look like degrees",
            where=path,
            value=_extent(xy),
            cure=_line(where, "crs", "EPSG:4326"),
        )
    degrees = xy if known is None else _transformed(xy, known, path, area, where)
    return np.column_stack(to_wgs84(degrees[:, 0], degrees[:, 1], datum))


def refuse_misplaced(
    xy: Floats,
    lonlat: Floats,
    crs: object,
    area: Bounds | None,
    path: Path,
    where: Where = _nowhere,
) -> None:
    """
    Refuse a layer that lies outside its area, and say what would put it there.

    Tried are exchanged axes, and every zone of CGCS2000 (3 and 6 degrees, with and without the
    zone's number in the easting) for coordinates in metres.

    Parameters
    ----------
    xy
        Coordinates as stored, shape (n, 2).
    lonlat
        The same as `to_lonlat` gives them.
    crs
        What the file says.
    area
        West, south, east, north of where it should lie; None: anywhere.
    path
        The file.
    where
        Key of the source in the model to file and line.

    Raises
    ------
    InputError
        Less than a tenth of the points lies in the area.
    """
    if area is None or _share_in(lonlat, area) >= _LEAST_IN:
        return
    known = _crs(crs, path)
    if known is None or known.is_geographic:
        what, cure = "", ""
        if _share_in(lonlat[:, ::-1], area) >= _MOST_IN:
            what = SWAPPED[0]
            cure = _cure_of_swap(where)
    else:
        what, cure = _misplaced_metres(xy, known, area, where)
    raise InputError(
        what or ELSEWHERE,
        where=path,
        value=f"{_extent(lonlat)} in degrees, the area is {_box(area)}",
        cure=cure or "Check the layer's CRS, or give a layer of this city",
    )


def _misplaced_metres(xy: Floats, crs: CRS, area: Bounds, where: Where) -> tuple[str, str]:
    """Return what is wrong with coordinates in metres, and the line that cures it."""
    code = fitting_crs(xy, area)
    if code is not None:
        name = CRS.from_epsg(code).name
        return (
            f"the layer says {crs.name}, but only as {name} (EPSG:{code}) it lies in the area",
            _line(where, "crs", f"EPSG:{code}"),
        )
    code = fitting_crs(xy[:, ::-1], area)
    if code is not None:
        return (
            SWAPPED[1],
            _cure_of_swap(where, f" and `crs: EPSG:{code}`"),
        )
    return "", ""


def _cure_of_swap(where: Where, more: str = "") -> str:
    at = where("fields") or where("")
    begin = f"{at}: exchange" if at else "Exchange"
    return f"{begin} the two columns in `fields:`{more}, or export the layer with longitude first"


def fitting_crs(xy: Floats, area: Bounds) -> int | None:
    """
    Return the EPSG code with which coordinates in metres lie in an area.

    Tried are CGCS2000 in 3-degree zones with (4513 to 4533) and without (4534 to 4554) the zone's
    number, 6-degree zones with (4491 to 4501) and without (4502 to 4512) it, and Web Mercator
    (3857): first those by central meridian, as GIS departments use them. A zone whose meridian is
    far from the area is not tried: nobody draws a city a zone and a half away from its own.
    """
    west, _, east, _ = area
    codes = [
        first + number
        for first, wide in ((4534, 3), (4513, 3), (4502, 6), (4491, 6))
        for number, meridian in enumerate(range(75, 136, wide))
        if west - 1.5 * wide <= meridian <= east + 1.5 * wide
    ]
    best = {code: _share_in(_try(xy, code), area) for code in (*codes, 3857)}
    code = max(best, key=lambda code: best[code])
    return code if best[code] >= _MOST_IN else None


def _zone_in_easting(xy: Floats) -> int | None:
    """Return the EPSG code of the CGCS2000 zone whose number all eastings begin with."""
    zones = np.unique(np.floor(xy[:, 0] / 1e6))
    if len(zones) != 1:
        return None
    zone = int(zones[0])
    # 3-degree zones 25 to 45 of EPSG:4513 to 4533, 6-degree zones 13 to 23 of EPSG:4491 to 4501.
    if 25 <= zone <= 45:  # noqa: PLR2004
        return 4513 + zone - 25
    return 4491 + zone - 13 if 13 <= zone <= 23 else None  # noqa: PLR2004


def _try(xy: Floats, code: int) -> Floats:
    rows = np.linspace(0, len(xy) - 1, min(len(xy), _MOST_TRIED)).astype(np.int64)
    there = to_degrees(code)
    lonlat = np.column_stack(there.transform(xy[rows, 0], xy[rows, 1], errcheck=False))
    return np.where(np.isfinite(lonlat), lonlat, 1e9)


def _share_in(lonlat: Floats, area: Bounds) -> float:
    low, high = np.array(area[:2]) - _AROUND_DEG, np.array(area[2:]) + _AROUND_DEG
    inside = ((lonlat >= low) & (lonlat <= high)).all(axis=1)
    return float(inside.mean()) if len(lonlat) else 1.0


def _box(area: Bounds) -> str:
    west, south, east, north = area
    return f"{west:.3f},{south:.3f} to {east:.3f},{north:.3f}"


def _line(where: Where, key: str, value: str) -> str:
    """Say which line to write in the model."""
    at = where(key) or where("")
    return f"{at}: write `{key}: {value}`" if at else f"Write `{key}: {value}`"


def _crs(crs: object, path: Path) -> CRS | None:
    if crs is None:
        return None
    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise InputError(
            "the layer's CRS isn't known", where=path, value=str(crs)[:80], cure="Set its CRS"
        ) from error


def _transformed(xy: Floats, crs: CRS, path: Path, area: Bounds | None, where: Where) -> Floats:
    wgs84 = CRS.from_epsg(4326)
    if crs == wgs84:
        return xy
    transformer = Transformer.from_crs(crs, wgs84, always_xy=True)
    degrees = np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))
    if not (np.isfinite(degrees).all() and (np.abs(degrees) <= _DEGREES).all()):
        what, cure = ("", "") if area is None else _misplaced_metres(xy, crs, area, where)
        code = _zone_in_easting(xy)
        if not cure and code is not None:
            cure = _line(where, "crs", f"EPSG:{code}") + ", the zone that its eastings begin with"
        raise InputError(
            what or f"coordinates lie outside the area of their CRS ({crs.name})",
            where=path,
            value=_extent(xy),
            cure=cure or "Check the layer's CRS",
        )
    return degrees


def _refuse_no_degrees(
    xy: Floats, crs: CRS | None, path: Path, area: Bounds | None, where: Where
) -> None:
    if (np.abs(xy) <= _DEGREES).all():
        return
    if swapped_axes(xy[:, 0], xy[:, 1]):
        raise InputError(
            SWAPPED[0],
            where=path,
            value=_extent(xy),
            cure=_cure_of_swap(where),
        )
    label = "has no CRS" if crs is None else f"says its coordinates are degrees ({crs.name})"
    code = None if area is None else fitting_crs(xy, area)
    cure = "Set the layer's CRS (a shapefile's lies in its .prj), or write `crs:` in the model"
    raise InputError(
        f"the layer {label}, but they look like metres",
        where=path,
        value=_extent(xy) + _as_mercator(xy),
        cure=cure if code is None else _line(where, "crs", f"EPSG:{code}"),
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
