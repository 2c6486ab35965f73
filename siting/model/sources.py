"""Where a model's inputs come from: a word, or a file with what its columns and degrees are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from siting.model.figures import Part as _Part
from siting.model.file import COMMAND, resolve_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from siting.model.file import Written
    from siting.model.yaml import Problem

SOURCE_WORDS: dict[str, tuple[str, ...]] = {
    "roads": ("sample",),
    "districts": ("cnmaps", "osm", "extent"),
    "existing": ("osm", "none"),
    "sites": ("osm",),
    "exclusions": ("none",),
    "demand": ("osm",),
    "junctions": ("osm",),
    "opened": ("none",),
    "grid": ("none",),
    "locks": ("none",),
    "buildings": ("osm", "none"),
}
"""Each kind of source, with what it can be other than a file; the first is the default."""

OWN_KINDS = tuple(kind for kind in SOURCE_WORDS if kind not in {"roads", "districts"})
"""Kinds that the map gives nothing of, or that are added to what it gives."""

_WORDS = frozenset(word for words in SOURCE_WORDS.values() for word in words)
_DATUM_KINDS = ("roads", "districts")

Datum = Literal["wgs84", "cgcs2000", "gcj02", "bd09"]
"""What degrees in a file really are."""


class Source(_Part):
    """One source: a word, or a file of the city's own."""

    # A year is written as a number, and so may be a column's name.
    model_config = ConfigDict(coerce_numbers_to_str=True)

    file: str
    """A word that the kind allows, or a file: gpkg, shp or a zip of it, GeoJSON, GeoParquet, KML,
    csv, xlsx; roads also OSM PBF or XML and OSMnx graphml; demand also a GeoTIFF."""
    layer: str = ""
    """Layer of the file, or sheet of the workbook; empty: the only one that fits."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Our column to the column of the file; those left out are looked for by their usual names."""
    datum: Datum = "wgs84"
    """What the degrees really are: most Chinese map services give gcj02, Baidu bd09."""
    crs: str = ""
    """CRS of the coordinates (`EPSG:4548`) where the file states none or a wrong one."""
    encoding: str = ""
    """Text encoding of a csv or of a shapefile's table (`gbk`); empty: told by content."""
    source: str = ""
    """Who made it, as printed with the plan."""
    licence: str = ""
    """Terms under which it may be used."""
    date: str = ""
    """State of the data, as printed with the plan."""
    checks: Literal["strict", "lenient"] = "lenient"
    """`lenient` repairs what is safe to repair and says so, `strict` refuses it."""
    _lines: dict[str, str] = PrivateAttr(default_factory=dict)
    _short: str = PrivateAttr(default="")
    _folder: str = PrivateAttr(default="")

    @property
    def is_file(self) -> bool:
        """Whether this is a file, not a word."""
        return self.file not in _WORDS

    @property
    def folder(self) -> str:
        """Folder of the model that names it, "" where it is in none."""
        return self._folder

    def where(self, key: str = "") -> str:
        """
        Return file and line of a key (`datum`, `fields.name`) in the model; "" if unknown.

        Where the model gives no more than the file, the form that has room for the key is added.
        """
        line = self._lines.get(key, self._lines.get(key.partition(".")[0], self._lines.get("", "")))
        name = self.file.replace("\\", "/").rpartition("/")[2]
        form = (
            f", in the form `{self._short}: {{file: {name}, ...}}`" if key and self._short else ""
        )
        return line + form if line else ""

    def fix(self, key: str, value: str) -> str:
        """Return the sentence that says what to write where in the model."""
        if key == "datum" and self._short in _DATUM_KINDS:
            return f"{self.where()}: add `{self._short}_datum: {value}` under `sources:`"
        at = self.where(key)
        return f"{at}: write `{key}: {value}`" if at else f"Write `{key}: {value}` for this source"

    def remember(self, lines: Mapping[str, str], short: str = "", folder: str = "") -> None:
        """Keep where the keys were written, the kind if it is a bare path, the model's folder."""
        self._folder = folder
        self._lines.update(lines)
        self._short = short


def _source(value: object) -> object:
    """Accept a bare word or path."""
    return {"file": value} if isinstance(value, str) else value


AnySource = Annotated[Source, BeforeValidator(_source, json_schema_input_type=str | Source)]
"""A source as a model may write it: a word, a path, or a mapping."""


def _default(kind: str) -> Source:
    return Source(file=SOURCE_WORDS[kind][0])


class Sources(_Part):
    """Where the inputs come from."""

    roads: AnySource = _default("roads")
    """`sample`, or a file: OSM PBF or XML, gpkg, shp, shp in a zip, GeoJSON, OSMnx graphml."""
    districts: AnySource = _default("districts")
    """`cnmaps`, `osm` (boundaries in the road file), `extent`, or a polygon layer file."""
    districts_datum: Literal["", "wgs84", "cgcs2000", "gcj02", "bd09"] = ""
    """Short for `datum:` of a district file; cnmaps is known to be GCJ-02 and always converted."""
    roads_datum: Literal["", "wgs84", "cgcs2000", "gcj02", "bd09"] = ""
    """Short for `datum:` of a road file."""
    existing: AnySource = _default("existing")
    """Charging stations in operation: `osm` (of the map), `none`, or a table or layer."""
    sites: AnySource = _default("sites")
    """Places where stations can be built: `osm` (of the map), or a table or layer added to it."""
    exclusions: AnySource = _default("exclusions")
    """Land that nothing or only dearer things may be built on: `none`, or a layer."""
    demand: AnySource = _default("demand")
    """What people are spread by: `osm`, or a layer or a GeoTIFF of people."""
    junctions: AnySource = _default("junctions")
    """Signalised junctions: `osm` (of the map), or a table or layer of points added to them."""
    opened: AnySource = _default("opened")
    """Test roads that are open already: `none`, or a table or layer."""
    grid: AnySource = _default("grid")
    """Substations with the load that they can still take: `none`, or a table or layer."""
    locks: AnySource = _default("locks")
    """What has to be built, can't be, or has a size: `none`, or a table or layer; `--lock` of a
    command goes before it. More stand in `locks:` of the model itself."""
    buildings: AnySource = _default("buildings")
    """Building footprints: `osm` (of the road file, read where roadside units or people need them),
    `none`, or a polygon layer."""

    @model_validator(mode="before")
    @classmethod
    def _short_datums(cls, data: Any) -> Any:  # noqa: ANN401  (what a file may hold)
        """Put `roads_datum` and `districts_datum` where they belong."""
        if not isinstance(data, dict):
            return data
        data = dict(data)
        for kind in _DATUM_KINDS:
            datum, given = data.get(f"{kind}_datum"), _source(data.get(kind))
            if not datum or not isinstance(given, dict):
                continue
            if given.get("datum", datum) != datum:
                raise ValueError(f"{kind}_datum and {kind}.datum differ. Keep one of them")
            data[kind] = {**given, "datum": datum}
        return data

    def of(self, kind: str) -> Source:
        """Return the source of a kind."""
        found: Source = getattr(self, kind)
        return found


def source_problems(written: Written) -> Iterator[Problem]:
    """
    Make the paths of all sources absolute in place, and yield what is wrong with them.

    Parameters
    ----------
    written
        The model as written.
    """
    for kind, words in SOURCE_WORDS.items():
        key = ("sources", kind)
        mapped = isinstance(written.value(key), dict)
        yield from resolve_file(written, (*key, "file") if mapped else key, words)


def remember_lines(sources: Sources, written: Written) -> None:
    """Tell each source where it was written, so that what is wrong in its file names the line."""
    for kind in SOURCE_WORDS:
        source = sources.of(kind)
        names = ["", "file", "layer", "datum", "crs", "encoding", "fields"]
        names += [f"fields.{ours}" for ours in source.fields]
        lines = {name: written.where(("sources", kind, *_parts(name))) for name in names}
        short = not isinstance(written.value(("sources", kind)), dict)
        known = {name: line for name, line in lines.items() if line != COMMAND}
        source.remember(known, kind if short else "", str(written.model.path.resolve().parent))


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in name.partition(".")[::2] if part)
