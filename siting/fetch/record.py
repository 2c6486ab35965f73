"""What is known of a fetched file, in a sidecar beside it: source, date, licence, hash."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

import yaml

from siting.errors import InputError
from siting.files import replacing, sha256_of
from siting.model.yaml import load_yaml

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".source.yaml"
OSM_LICENCE = "ODbL 1.0, © OpenStreetMap contributors"


@dataclass(frozen=True, slots=True)
class Record:
    """
    Where a file comes from, in the words of `data/catalog.yaml`.

    Attributes
    ----------
    path
        Name of the file.
    what
        What it is, one clause.
    source
        The URL, without redirects.
    licence
        Licence and credit.
    date
        State of the data, or of the fetch where the source doesn't say, ISO 8601 in UTC.
    fetched
        When it was fetched, ISO 8601 in UTC.
    datum
        Frame of its coordinates.
    sha256
        Hash of the file.
    source_sha256
        Hash of the extract it was cut from; "" where there is none.
    checksum
        Which checksum of the source the download agreed with; "" where none was given.
    etag
        The server's mark of this state of the source.
    """

    path: str
    what: str
    source: str
    licence: str
    date: str
    fetched: str
    datum: str
    sha256: str
    source_sha256: str = ""
    checksum: str = ""
    etag: str = ""


def sidecar(path: Path) -> Path:
    """Return where the record of a file lies."""
    return path.with_name(path.name + SUFFIX)


def write_record(path: Path, record: Record) -> Path:
    """Write the record of a file beside it."""
    target = sidecar(path)
    with replacing(target) as part:
        text = yaml.safe_dump(asdict(record), allow_unicode=True, sort_keys=False)
        part.write_text(text, encoding="utf-8")
    return target


def read_record(path: Path, sha256: str = "") -> Record | None:
    """
    Return the record of a file.

    Parameters
    ----------
    path
        The file, not its sidecar.
    sha256
        Its hash, where the caller knows it already.

    Returns
    -------
    record
        None where there is no record, or it speaks of other bytes than the file holds now.

    Raises
    ------
    InputError
        The sidecar is no record.
    """
    target = sidecar(path)
    if not target.is_file():
        return None
    data = load_yaml(target)
    names = {item.name for item in fields(Record)}
    if (
        not isinstance(data, dict)
        or not names >= set(data)
        or not all(isinstance(value, str) for value in data.values())
    ):
        raise _no_record(target)
    try:
        record = Record(**data)
    except TypeError as error:
        raise _no_record(target) from error
    return record if record.sha256 == (sha256 or sha256_of(path)) else None


def _no_record(path: Path) -> InputError:
    return InputError(
        "this is no record of a fetched file", where=path, cure="Remove it, or fetch the file again"
    )
