"""From a model to the map file of its area: what `siting fetch` does."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import shapely

from siting.districts import districts_from_layer, districts_of
from siting.errors import FetchError, ModelError
from siting.fetch.address import allowed
from siting.fetch.client import Client, Progress, silent
from siting.fetch.crop import crop, data_date, join
from siting.fetch.download import download
from siting.fetch.overpass import ask_overpass, state_of
from siting.fetch.record import OSM_LICENCE, Record, read_record, write_record
from siting.fetch.rules import load_rules
from siting.files import folder_lock, replacing, sha256_of
from siting.layers import read_polygons
from siting.model.model import load_model
from siting.text import slug

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapely.geometry.base import BaseGeometry

    from siting.model.model import Model

    Box = tuple[float, float, float, float]

OVERPASS = "overpass"
MARGIN_DEG = 0.03
"""Fetched around the districts, about 3 km: more than the 2 km of roads that a plan looks at."""

_FOLDER = Path("data") / "raw"
_OUTLINE_DEG = 0.001  # vertices of an outline that change it by less than 100 m are left out
_EXTRACT = re.compile(r"\.(pbf|osm|osm\.gz|osm\.bz2|o5m)$")


@dataclass(frozen=True, slots=True)
class Fetched:
    """
    What was fetched.

    Attributes
    ----------
    path
        An OSM PBF that `siting plan MODEL --roads` takes as it is.
    record
        Where it comes from.
    """

    path: Path
    record: Record


def fetch(
    model: str | Path,
    *,
    source: str = OVERPASS,
    out: Path | None = None,
    sha256: str = "",
    box: Box | None = None,
    config: Path | None = None,
    tell: Callable[[Progress], None] = silent,
) -> Fetched:
    """
    Fetch roads, boundaries and facilities of a model's area.

    Parameters
    ----------
    model
        Name of a model or the path of a YAML file.
    source
        `overpass`, or the https URL of an OSM extract.
    out
        The PBF to write; None: `data/raw/<model>.osm.pbf` beside the model's file, or in the
        working folder for a model of the project.
    sha256
        What the extract has to hash to; without it the `.md5` beside it on its server is used.
    box
        West, south, east, north in degrees, in place of the model's districts.
    config
        The user's rules; None: where `siting.fetch.rules.default_config` says.
    tell
        Told what is going on.

    Returns
    -------
    fetched
        The file and its record, which lies beside it.

    Raises
    ------
    ModelError, InputError
        The model, its districts or the configuration is wrong, or the model names no area.
    FetchError
        The rules forbid it, the server refuses, or what came isn't what it has to be.
    BusyError
        Another fetch of the same file is running.
    """
    client = Client(load_rules(config), tell)
    question = load_model(model)
    address = client.rules.overpass if source == OVERPASS else source
    allowed(address, client.rules)  # before anything is read or written
    if source == OVERPASS and sha256:
        raise FetchError(
            "an answer of Overpass has no checksum known before", cure="Leave --sha256 out"
        )
    area = area_of(question, box)
    target = out or _folder(model) / f"{slug(question.name)}.osm.pbf"
    work = target.parent / f".{target.name}.fetch"
    with folder_lock(work):
        if source == OVERPASS:
            record = _from_overpass(client, area, target, work)
        else:
            record = _from_extract(client, source, area, target, sha256)
        shutil.rmtree(work)
    write_record(target, record)
    return Fetched(target, record)


def area_of(question: Model, box: Box | None = None) -> BaseGeometry:
    """
    Return the area of a model in degrees, with the margin that its roads need.

    Parameters
    ----------
    question
        The model.
    box
        West, south, east, north in place of its districts.

    Raises
    ------
    ModelError
        The districts would come from the very map that is to be fetched.
    FetchError
        The box is none.
    """
    if box is not None:
        west, south, east, north = box
        on_earth = -180 <= west < east <= 180 and -90 <= south < north <= 90  # noqa: PLR2004
        if not on_earth:
            raise FetchError("this is no box", value=box, cure="Give west,south,east,north")
        return shapely.box(west, south, east, north)
    asked, districts = question.area, question.sources.districts.file
    if districts == "cnmaps" and asked.city:
        frame = districts_of(asked.city, asked.districts)
    elif districts in {"cnmaps", "osm", "extent"}:
        raise ModelError(
            "the model names no area before its map is there",
            where=question.name,
            value=f"districts: {districts}",
            cure="Add --box west,south,east,north, or give `area.city` or a district layer",
        )
    else:
        layer = read_polygons(Path(districts), question.sources.districts.datum)
        frame = districts_from_layer(layer, asked.districts, asked.city, where=districts)
    whole = shapely.union_all(frame.geometry.to_numpy())
    return whole.simplify(_OUTLINE_DEG).buffer(MARGIN_DEG + _OUTLINE_DEG)


def parse_box(text: str) -> Box:
    """
    Read `west,south,east,north`.

    Raises
    ------
    FetchError
        These aren't four numbers.
    """
    try:
        west, south, east, north = (float(word) for word in text.split(","))
    except ValueError as error:
        raise FetchError(
            "this is no box", value=repr(text), cure="Give west,south,east,north in degrees"
        ) from error
    return west, south, east, north


def _folder(model: str | Path) -> Path:
    """Return where a model's map is kept: beside its own file, else in the working folder."""
    text = str(model)
    own = isinstance(model, Path) or bool(re.search(r"[/\\]|\.ya?ml$", text, re.IGNORECASE))
    return Path(model).parent / _FOLDER if own else _FOLDER


def _from_overpass(client: Client, area: BaseGeometry, target: Path, work: Path) -> Record:
    files = ask_overpass(client, area, work)
    state = min((found for found in map(state_of, files) if found), default="")
    joined = work / "joined.osm.pbf"
    joined.unlink(missing_ok=True)
    join(files, joined)
    with replacing(target) as part:
        crop(client, joined, area, part, state)
    return _record(target, client.rules.overpass, state)


def _from_extract(
    client: Client, url: str, area: BaseGeometry, target: Path, sha256: str
) -> Record:
    extract = target.parent / _extract_name(url)
    work = target.parent / f".{extract.name}.fetch"
    with folder_lock(work):  # another model may be fetching the same extract
        known = read_record(extract) if extract.is_file() else None
        fits = known is not None and known.source == url and sha256 in {"", known.sha256}
        came = download(
            client, url, extract, sha256=sha256, etag=known.etag if known and fits else ""
        )
        if came is not None:
            known = _record(extract, url, data_date(extract), came.checksum, came.etag)
            write_record(extract, known)
        shutil.rmtree(work)
    if known is None:
        raise FetchError("the server says that nothing changed, but nothing is here", where=url)
    with replacing(target) as part:
        crop(client, extract, area, part, data_date(extract))
    cut = _record(target, url, known.date, known.checksum)
    return Record(**{**_as_dict(cut), "source_sha256": known.sha256, "fetched": known.fetched})


def _as_dict(record: Record) -> dict[str, str]:
    return {name: getattr(record, name) for name in Record.__slots__}


def _extract_name(url: str) -> str:
    """Return the name of the extract on disk: as on its server, and never that of the result."""
    name = PurePosixPath(urlsplit(url).path).name.lower()
    kind = _EXTRACT.search(name)
    if kind is None:
        raise FetchError(
            "this URL names no OSM extract",
            value=url[:200],
            cure="It ends in .osm.pbf, for example",
        )
    stem = slug(name[: kind.start()].removesuffix(".osm"))
    return f"extract-{stem}{'.osm.pbf' if kind.group(1) == 'pbf' else kind.group(0)}"


def _record(path: Path, source: str, date: str, checksum: str = "", etag: str = "") -> Record:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Record(
        path=path.name,
        what="roads, boundaries and facilities of OpenStreetMap",
        source=source,
        licence=OSM_LICENCE,
        date=date or now,
        fetched=now,
        datum="wgs84",
        sha256=sha256_of(path),
        checksum=checksum,
        etag=etag,
    )
