"""
Open one layer of a vector file, nothing else.

GeoPackage, shapefile, zip of one, GeoJSON, GeoParquet, KML or GraphML.
"""

from __future__ import annotations

import contextlib
import glob
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pyogrio

from siting.errors import InputError, SitingError
from siting.inputs.dbf import encoding_of, mend_names
from siting.inputs.geojson import read_geojson
from siting.inputs.graphml import read_graphml
from siting.inputs.kml import read_kml
from siting.inputs.sniff import Kind, kind_of
from siting.inputs.unpack import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = "line"
"""Shape of a road layer; geometry types of lines hold this word."""
POLYGON = "polygon"
"""Shape of a district layer."""

_VAGUE = frozenset({"unknown", "geometry", "geometrycollection", "geometry z"})
_PARTS = frozenset({".shp", ".shx", ".dbf", ".prj", ".cpg"})
_CURE = "Export the layer again as GeoPackage"


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    Which layer to take: its shape, usual names, or the name the user gave.

    `encoding` is that of a shapefile's table; empty: told by content. The shape `""` takes any.
    """

    shape: str
    names: tuple[str, ...]
    layer: str | None = None
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A layer as stored; `nodes` are the points that belong to it, where the file has them."""

    frame: gpd.GeoDataFrame
    nodes: gpd.GeoDataFrame | None
    kind: Kind


def open_layer(path: Path, wanted: Wanted) -> Opened:
    """
    Open a layer.

    Parameters
    ----------
    path
        A file; told by content, so that nothing but the formats above is ever opened, and no
        virtual dataset or address can be given in its stead.
    wanted
        Which layer.

    Raises
    ------
    InputError
        The file can't be read, or doesn't hold exactly one layer that fits.
    """
    if kind_of(path) != "zip":
        return _open(path, wanted, shown=path)
    with unpacked(path) as members:
        listed = {name: _member_shape(file) for name, file in members.items()}
        return _open(members[_choose(listed, wanted, path)], wanted, shown=path)


def _open(path: Path, wanted: Wanted, shown: Path) -> Opened:
    kind = kind_of(path)
    if kind == "geojson":
        return Opened(read_geojson(path), None, kind)
    if kind == "graphml":
        return Opened(*read_graphml(path), kind)
    if kind == "kml":
        return Opened(read_kml(path), None, kind)
    with _gdal_errors(shown):
        if kind == "parquet":
            return Opened(_parquet(path), None, kind)
        if kind == "shp":
            return Opened(_shapefile(path, wanted.encoding or encoding_of(path)), None, kind)
        if kind == "gpkg":
            listed = {str(name): str(shape or "") for name, shape in pyogrio.list_layers(path)}
            frame = _read(path, layer=_choose(listed, wanted, shown))
            return Opened(frame, _nodes(path, listed, wanted), kind)
    raise InputError(
        "this is no vector layer", where=shown, value=kind, cure="Give a GeoPackage or a shapefile"
    )


def _choose(listed: dict[str, str], wanted: Wanted, path: Path) -> str:
    """Return the one layer that fits, out of name -> geometry type."""
    if wanted.layer is not None:
        if wanted.layer in listed:
            return wanted.layer
        raise InputError(
            "the file has no such layer",
            where=path,
            value=wanted.layer,
            cure=f"It has {_names(listed)}",
        )
    fits = [name for name, shape in listed.items() if wanted.shape in shape.lower()]
    fits = fits or [name for name, shape in listed.items() if shape.lower() in _VAGUE]
    stems = {Path(name).stem.lower(): name for name in reversed(fits)}
    usual = [stems[name] for name in wanted.names if name in stems]
    if len(fits) == 1 or usual:
        return usual[0] if usual else fits[0]
    shape = f"{wanted.shape} layer" if wanted.shape else "layer"
    problem = f"more than one {shape}" if fits else f"no {shape}"
    raise InputError(
        f"the file holds {problem}",
        where=path,
        value=_names(listed),
        cure="Give a file with one, or its `layer:`"
        + (f", or name it one of {', '.join(wanted.names)}" if wanted.names else ""),
    )


def _names(listed: dict[str, str]) -> str:
    return ", ".join(f"{name} ({shape or 'table'})" for name, shape in [*listed.items()][:10])


def _member_shape(file: Path) -> str:
    """Return the geometry type of a shapefile from its header, vague for other members."""
    if file.suffix != ".shp":
        return "unknown"
    with file.open("rb") as opened:
        header = opened.read(36)
    code = int.from_bytes(header[32:36], "little") % 10  # 10 and 20 more mean heights and measures
    return {3: LINE, 5: POLYGON}.get(code, "point")


def _nodes(path: Path, listed: dict[str, str], wanted: Wanted) -> gpd.GeoDataFrame | None:
    """Read the points that OSMnx saves beside its edges."""
    if wanted.shape != LINE or "point" not in listed.get("nodes", "").lower():
        return None
    fields = pyogrio.read_info(path, layer="nodes")["fields"]
    return _read(path, layer="nodes") if "highway" in fields else None


def _shapefile(path: Path, encoding: str) -> gpd.GeoDataFrame:
    """Read a shapefile, whose field names may be cut in the middle of a character."""
    try:
        return _read(path, encoding=encoding)
    except UnicodeDecodeError:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "layer.shp"
            for part in path.parent.glob(f"{glob.escape(path.stem)}.*"):
                if part.suffix.lower() in _PARTS:
                    shutil.copyfile(part, copy.with_suffix(part.suffix.lower()))
            mend_names(copy.with_suffix(".dbf"), encoding)
            return _read(copy, encoding=encoding)


def _parquet(path: Path) -> gpd.GeoDataFrame:
    try:
        return gpd.read_parquet(path)
    except ImportError as error:
        raise InputError(
            "GeoParquet needs pyarrow", where=path, cure="Install siting[gis], or give a GeoPackage"
        ) from error


def _read(path: Path, **options: str) -> gpd.GeoDataFrame:
    frame = pyogrio.read_dataframe(path.resolve(), **options)
    if not isinstance(frame, gpd.GeoDataFrame):
        return gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries([None] * len(frame)))
    return frame


@contextlib.contextmanager
def _gdal_errors(path: Path) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            # Measures and odd field types are dropped with a warning; neither is used here.
            warnings.simplefilter("ignore")
            yield
    except SitingError:
        raise
    except Exception as error:
        # Beside its own errors pyogrio lets through what its C code trips over in a damaged file.
        lost = ".shx" in str(error)
        raise InputError(
            "the layer can't be read",
            where=path,
            value=str(error).splitlines()[0] if str(error) else type(error).__name__,
            cure="Give .shp, .shx, .dbf and .prj together, best zipped" if lost else _CURE,
        ) from error
