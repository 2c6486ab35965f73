"""Read a city's own layers and tables: one reader for each kind, with our columns, in WGS-84."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.errors import InputError
from siting.hygiene import Hygiene, clean_shapes, unique_ids
from siting.inputs import sheets
from siting.inputs.columns import AREA, KINDS, Kind
from siting.inputs.placing import SWAPPED, refuse_misplaced, to_lonlat
from siting.inputs.sniff import table_kind_of
from siting.inputs.tables import WGS84
from siting.inputs.values import PLACING, Labels, match_columns, numbers, read_columns
from siting.inputs.vector import Wanted, open_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from siting.model.sources import Source
    from siting.said import Said

    Bounds = tuple[float, float, float, float]
    Objects = npt.NDArray[np.object_]

P = ParamSpec("P")
T = TypeVar("T")

_EMPTY_CURE = "Give a file with rows, or leave the source out"


@dataclass(frozen=True, slots=True)
class Layer:
    """
    An own layer as read.

    Attributes
    ----------
    frame
        EPSG:4326, RangeIndex, our columns as `siting.inputs.columns.KINDS` has them, and `row`
        (text): the line of a table or the number of a feature, for messages.
    notes
        What was repaired or left out, one sentence each.
    """

    frame: gpd.GeoDataFrame
    notes: tuple[Said, ...]


def read_source(kind: str, spec: Source, area: Bounds | None = None) -> gpd.GeoDataFrame:
    """
    Read a layer or table of a city's own.

    Parameters
    ----------
    kind
        `existing`, `sites`, `exclusions`, `demand`, `junctions`, `opened` or `grid`.
    spec
        The file, with what its columns and coordinates are.
    area
        West, south, east, north of where it has to lie, degrees WGS-84; None: anywhere.

    Returns
    -------
    frame
        As `Layer.frame`.

    Raises
    ------
    InputError
        The file can't be read, lacks columns, holds values that can't be, or lies elsewhere.
    """
    return read_layer(kind, spec, area).frame


def read_layer(kind: str, spec: Source, area: Bounds | None = None) -> Layer:
    """Read as `read_source`, with the notes."""
    path, rules = Path(spec.file), KINDS[kind]
    raw, rows = _open(path, spec, rules)
    in_table = [str(name) for name in raw.columns] if sheets.LINE in raw else []
    in_table = [name for name in in_table if name != sheets.LINE]
    labels = Labels(str(path), rows, spec.where, in_table)
    if not len(raw):
        raise InputError("the layer is empty", where=path, cure=_EMPTY_CURE)
    present = [str(name) for name in raw.columns if name != _geometry_of(raw)]
    # All that is wrong with a file is told at once: its fields, its cells, its places.
    wrong: list[InputError] = []
    # A column of features that is called x says nothing: they have their place.
    present = [name for name in present if name != sheets.LINE]
    found = _told(wrong, match_columns, present, rules, spec.fields, labels)
    if found is None:
        usable = {our: name for our, name in spec.fields.items() if name in present}
        found = _told([], match_columns, present, rules, usable, labels) or {}
    columns = _told(wrong, read_columns, pd.DataFrame(raw), rules, found, labels)
    placed = _told(wrong, _shapes, raw, spec, found, labels, rules)
    hygiene = Hygiene(str(path), strict=spec.checks == "strict")
    cleaned = placed and _told(wrong, clean_shapes, placed[0], rows, hygiene, placed=rules.placed)
    if placed and not cleaned:
        _told(wrong, _placed, finite(placed[0]), placed[1], spec, area, path)
    if columns is None or placed is None or not cleaned or wrong:
        raise together(wrong, path)
    kept, shapes, notes = cleaned
    frame = columns[kept].assign(row=np.asarray(rows, dtype=object)[kept])
    frame = frame.reset_index(drop=True)
    try:
        shapes = _placed(shapes[kept], placed[1], spec, area, path)
    except InputError as error:
        raise _with_columns(error, raw, spec, found, labels) from error
    _refuse_shapes(shapes, rules, path)
    made = gpd.GeoDataFrame(frame, geometry=shapes, crs=WGS84)
    made, more = unique_ids(made, rules.columns[0].name, hygiene)
    return Layer(made, (*notes, *more))


def _told(
    wrong: list[InputError], check: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T | None:
    """Run a check; None where it finds something wrong, which is kept."""
    try:
        return check(*args, **kwargs)
    except InputError as error:
        wrong.append(error)
        return None


def together(errors: Sequence[InputError], path: Path) -> InputError:
    """Return several mistakes of one file as one error; one alone as it is."""
    if len(errors) == 1:
        return errors[0]
    texts = (str(error).removeprefix(f"{path}: ") for error in errors)
    each = (f"({number}) {text}" for number, text in enumerate(texts, 1))
    return InputError(f"{len(errors)} mistakes: " + "; ".join(each), where=path)


def finite(shapes: Objects) -> Objects:
    """Return the geometries that have a place."""
    known = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    lost = np.zeros(len(shapes), dtype=np.bool_)
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    lost[owner[~np.isfinite(xy).all(axis=1)]] = True
    return np.asarray(shapely.force_2d(shapes[known & ~lost]), dtype=object)


def _with_columns(
    error: InputError, raw: pd.DataFrame, spec: Source, found: dict[str, str], labels: Labels
) -> InputError:
    """Say of swapped columns of a table which line to write."""
    place = None if isinstance(raw, gpd.GeoDataFrame) else _placing(raw, spec, found)
    if error.what not in SWAPPED or place is None or len(place) == 1:
        return error
    names = ("lon", "lat") if error.what == SWAPPED[0] else ("x", "y")
    line = f"`fields: {{{names[0]}: {place[1]}, {names[1]}: {place[0]}}}`"
    at = labels.where("fields") or "In the model"
    return InputError(error.what, where=error.where, value=error.value, cure=f"{at}: write {line}")


def _open(path: Path, spec: Source, rules: Kind) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of a file as stored, and what to call each."""
    kind = table_kind_of(path)
    if kind in {"csv", "xlsx"}:
        is_csv = kind == "csv"
        table = (
            sheets.read_csv(path, spec.encoding) if is_csv else sheets.read_xlsx(path, spec.layer)
        )
        word = "line" if is_csv else "row"
        return table, [f"{word} {line}" for line in table[sheets.LINE]]
    if kind == "tiff":
        raise InputError("this is a raster, no layer", where=path, cure="Give it as `demand:`")
    wanted = Wanted("", rules.layers, spec.layer or None, spec.encoding)
    frame = open_layer(path, wanted).frame.reset_index(drop=True)
    return frame, [f"feature {row + 1}" for row in range(len(frame))]


def _geometry_of(raw: pd.DataFrame) -> str:
    return str(raw.geometry.name) if isinstance(raw, gpd.GeoDataFrame) else ""


def _shapes(
    raw: pd.DataFrame, spec: Source, found: dict[str, str], labels: Labels, rules: Kind
) -> tuple[Objects, object]:
    """Return geometries as stored, None where a row has none, and the CRS that is stated."""
    stated: object = spec.crs or None
    if isinstance(raw, gpd.GeoDataFrame):
        return raw.geometry.to_numpy().copy(), stated or raw.crs
    place = _placing(raw, spec, found)
    if place is None:
        if not rules.placed:
            return np.full(len(raw), None, dtype=object), stated
        shown = ", ".join(str(name) for name in raw.columns if name != sheets.LINE)
        raise InputError(
            "the table has no columns that place its rows",
            where=labels.path,
            value=shown,
            cure=f"{labels.where('fields') or 'In the model'}: name them, "
            "`fields: {lon: <column>, lat: <column>}`",
        )
    if len(place) == 1:
        return _from_wkt(raw[place[0]].tolist(), labels), stated
    x, y = (numbers(raw[name].tolist()) for name in place)
    given = np.array([bool(a or b) for a, b in zip(raw[place[0]], raw[place[1]], strict=True)])
    bad = np.flatnonzero(given & ~(np.isfinite(x) & np.isfinite(y)))
    if len(bad):
        first = ", ".join(
            f"{labels.rows[row]} {raw[place[0]].iloc[row]!r} {raw[place[1]].iloc[row]!r}"
            for row in bad[:5].tolist()
        )
        raise InputError(
            f"{len(bad):,} rows have coordinates that are no numbers, in "
            f"{labels.column(place[0])} or {labels.column(place[1])}",
            where=labels.path,
            value=first,
            cure="Give decimal degrees or metres",
        )
    shapes = np.full(len(raw), None, dtype=object)
    shapes[given] = shapely.points(x[given], y[given])
    return shapes, stated


def _placing(raw: pd.DataFrame, spec: Source, found: dict[str, str]) -> tuple[str, ...] | None:
    """Return the columns that place a table's rows: east and north, or one of WKT."""
    by_fold = {str(name).strip().casefold(): str(name) for name in raw.columns}

    def column(ours: str) -> str | None:
        usual = (by_fold[name] for name in PLACING[ours] if name in by_fold)
        return found.get(ours) or next(usual, None)

    pairs = [("x", "y"), ("lon", "lat")] if spec.crs else [("lon", "lat"), ("x", "y")]
    pairs.sort(key=lambda pair: not set(pair) <= set(spec.fields))
    for east, north in pairs:
        here = column(east), column(north)
        if here[0] is not None and here[1] is not None and here[0] != here[1]:
            return here[0], here[1]
    shape = column("geometry")
    return None if shape is None else (shape,)


def _from_wkt(texts: Sequence[str], labels: Labels) -> Objects:
    values = np.array([value or None for value in texts], dtype=object)
    shapes = np.asarray(shapely.from_wkt(values, on_invalid="ignore"), dtype=object)
    lost = np.flatnonzero(shapely.is_missing(shapes) & (values != None))  # noqa: E711  (of an array)
    if len(lost):
        raise InputError(
            f"{len(lost):,} rows have a geometry that isn't WKT",
            where=labels.path,
            value=f"{labels.rows[int(lost[0])]} {str(values[lost[0]])[:40]!r}",
            cure="Export the layer as GeoPackage",
        )
    return shapes


def _placed(shapes: Objects, crs: object, spec: Source, area: Bounds | None, path: Path) -> Objects:
    """Bring geometries to WGS-84, and refuse those that lie elsewhere."""
    xy = shapely.get_coordinates(shapes)
    if not len(xy):
        return shapes
    lonlat = to_lonlat(xy, crs, spec.datum, path, area=area, where=spec.where)
    refuse_misplaced(xy, lonlat, crs, area, path, spec.where)
    return np.asarray(shapely.set_coordinates(shapes.copy(), lonlat), dtype=object)


def _refuse_shapes(shapes: Objects, rules: Kind, path: Path) -> None:
    dimension = shapely.get_dimensions(shapes)
    wrong = ~np.isin(dimension, [*rules.shapes, -1]) & ~shapely.is_missing(shapes)
    if wrong.any():
        words = {0: "points", 1: "lines", AREA: "polygons"}
        raise InputError(
            f"the layer holds {words.get(int(dimension[wrong][0]), 'other shapes')}",
            where=path,
            value=f"{int(wrong.sum()):,} of {len(wrong):,} features",
            cure=f"Give {' or '.join(words[shape] for shape in rules.shapes)}",
        )


def as_points(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a layer with a point inside for each area, its rows and columns as they are."""
    shapes = frame.geometry.to_numpy().copy()
    area = shapely.get_dimensions(shapes) == AREA
    shapes[area] = shapely.point_on_surface(shapes[area])
    several = shapely.get_type_id(shapes) == shapely.GeometryType.MULTIPOINT
    shapes[several] = shapely.get_geometry(shapes[several], 0)
    return frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=WGS84))
