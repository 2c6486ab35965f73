"""Where inputs come from: the city's own catalogue, in check, run.json and what is handed over."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import yaml
from tiny import MODEL, write_town

from siting.city.catalog import describe_file, lines_to_add, read_catalog
from siting.city.reading import read_city
from siting.errors import InputError
from siting.files import sha256_of
from siting.model.model import load_model
from siting.model.sources import Source
from siting.pipeline import check, plan

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = {
    "path": "stations.csv",
    "what": "existing",
    "source": "市充电设施监测平台",
    "licence": "internal",
    "date": "2025-06",
    "datum": "WGS-84",
}


def model(folder: Path, sources: str = "  existing: stations.csv\n", more: str = "") -> Path:
    """Write the tiny town with a table of stations."""
    if not (folder / "town.osm.pbf").exists():
        write_town(folder / "town.osm.pbf")
    table = pd.DataFrame({"id": ["a"], "lon": [117.011], "lat": [36.661], "piles": [4]})
    (folder / "stations.csv").write_text(table.to_csv(index=False), encoding="utf-8")
    text = MODEL.format(roads="town.osm.pbf", budget=4e7, stations=8)
    begin, end = text.index("sources:"), text.index("demand:")
    own = f"sources:\n  roads: town.osm.pbf\n  districts: extent\n{sources}"
    path = folder / "own.yaml"
    path.write_text(text[:begin] + own + more + text[end:], encoding="utf-8")
    return path


def catalogue(folder: Path, **changes: str) -> Path:
    path = folder / "catalog.yaml"
    rows = [{**ENTRY, **changes}]
    path.write_text(yaml.safe_dump({"files": rows}, allow_unicode=True), encoding="utf-8")
    return path


def record(folder: Path, sources: str = "  existing: stations.csv\n") -> dict[str, str]:
    city = read_city(load_model(model(folder, sources)), cache=folder)
    return next(one for one in city.inputs if one["path"] == "stations.csv")


@pytest.mark.parametrize("place", ["", "data"])
def test_an_entry_beside_the_model_or_in_data_is_repeated(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(exist_ok=True)
    catalogue(tmp_path / place, path="../stations.csv" if place else "stations.csv")
    found = record(tmp_path)
    assert found == {
        "path": "stations.csv",
        "kind": "existing",
        "sha256": sha256_of(tmp_path / "stations.csv"),
        "source": ENTRY["source"],
        "licence": "internal",
        "datum": "wgs84",
        "date": "2025-06",
    }


def test_what_the_model_says_goes_before_the_catalogue(tmp_path: Path) -> None:
    catalogue(tmp_path)
    found = record(tmp_path, "  existing: {file: stations.csv, source: 供电公司, date: 2025}\n")
    assert [found["source"], found["date"], found["licence"]] == ["供电公司", "2025", "internal"]


def test_an_entry_is_found_by_its_hash_wherever_the_file_lies(tmp_path: Path) -> None:
    path = model(tmp_path)
    catalogue(tmp_path, path="old/name.csv", sha256=sha256_of(tmp_path / "stations.csv"))
    city = read_city(load_model(path), cache=tmp_path)
    assert ENTRY["source"] in [one["source"] for one in city.inputs]


def test_a_file_that_changed_is_not_described_by_its_old_entry(tmp_path: Path) -> None:
    path = model(tmp_path)
    catalogue(tmp_path, sha256="0" * 64)
    city = read_city(load_model(path), cache=tmp_path)
    found = next(one for one in city.inputs if one["path"] == "stations.csv")
    assert (found["source"], found["licence"]) == ("own layer", "see its source")
    digest = sha256_of(tmp_path / "stations.csv")
    (note,) = [note for note in city.notes if "has changed since it was entered" in note.en]
    assert note.en.startswith(f"{tmp_path / 'catalog.yaml'}:2: stations.csv")
    assert digest in note.en
    strict = model(tmp_path, "  existing: {file: stations.csv, checks: strict}\n")
    with pytest.raises(InputError, match=r"catalog\.yaml:2: catalog_changed: ") as caught:
        read_city(load_model(strict), cache=tmp_path)
    assert digest in str(caught.value)


def test_a_datum_that_the_catalogue_contradicts_is_refused_with_the_line(tmp_path: Path) -> None:
    catalogue(tmp_path, datum="GCJ-02")
    path = model(tmp_path, "  existing:\n    file: stations.csv\n")
    with pytest.raises(InputError, match="degrees are gcj02, the model takes them for wgs84") as e:
        read_city(load_model(path), cache=tmp_path)
    assert "own.yaml:6: write `datum: gcj02`" in e.value.cure
    assert "catalog.yaml:2" in e.value.cure
    for datum in ("CGCS2000", "none", "EPSG:4548"):
        catalogue(tmp_path, datum=datum)
        read_city(load_model(path), cache=tmp_path)


def test_check_names_files_without_an_entry_and_prints_lines_that_work(tmp_path: Path) -> None:
    path = model(tmp_path)
    found = check(path, out=tmp_path)
    start = next(k for k, line in enumerate(found.lines) if line.startswith("catalog:"))
    assert (
        "2 files without source, licence or date: town.osm.pbf, stations.csv"
        in (found.lines[start])
    )
    block = "\n".join(found.lines[start + 1 :])
    rows = yaml.safe_load(block)["files"]
    assert [row["path"] for row in rows] == ["town.osm.pbf", "stations.csv"]
    filled = [{**row, "source": "甲", "licence": "乙", "date": "2025"} for row in rows]
    text = yaml.safe_dump({"files": filled}, allow_unicode=True)
    (tmp_path / "catalog.yaml").write_text(text, encoding="utf-8")
    after = check(path, out=tmp_path)
    assert after.problems == ()
    assert not any(line.startswith("catalog:") for line in after.lines)
    assert sum("甲, 乙, 2025" in line for line in after.lines) == 2


def test_printed_lines_keep_paths_relative_to_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "inputs").mkdir()
    place = tmp_path / "inputs" / "a.csv"
    place.write_text("x", encoding="utf-8")
    found = describe_file("existing", place, Source(file=str(place)), "own layer")
    block = "\n".join(lines_to_add([found.record], tmp_path, {found.record["sha256"]: place})[1:])
    text = block.replace("source: ''", "source: 甲")
    (tmp_path / "catalog.yaml").write_text(text, encoding="utf-8")
    spec = Source(file=str(place))
    spec.remember({}, folder=str(tmp_path))
    assert describe_file("existing", place, spec, "own layer").record["source"] == "甲"
    (entry,) = read_catalog(tmp_path / "catalog.yaml")
    assert entry.path == place


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("files: 3", "no list `files:`"),
        ("a: 1", "no list `files:`"),
        ("files: [3]", "catalog.yaml:1: this is no entry"),
        ("files:\n- {source: x}", "catalog.yaml:2: `path:` is missing"),
        ("files:\n- {path: a, licens: x}", "no key 'licens'"),
        ("files:\n- {path: a, date: [1]}", "`date:` has to be text"),
        ("files: [", "catalogue has 1 mistakes"),
    ],
)
def test_a_malformed_catalogue_is_refused_by_line(tmp_path: Path, text: str, words: str) -> None:
    path = model(tmp_path)
    (tmp_path / "catalog.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_city(load_model(path), cache=tmp_path)
    assert words in str(caught.value)


@pytest.mark.slow
def test_sources_reach_the_record_the_report_the_map_and_the_layers(tmp_path: Path) -> None:
    catalogue(tmp_path)
    run = plan(model(tmp_path), out=tmp_path / "maps").folder
    found = json.loads((run / "run.json").read_text(encoding="utf-8"))
    credit = "市充电设施监测平台 (internal)"
    assert credit in found["attribution"]
    assert "OpenStreetMap" in found["attribution"]
    assert [one["date"] for one in found["inputs"] if one["path"] == "stations.csv"] == ["2025-06"]
    report = (run / "report.html").read_text(encoding="utf-8")
    assert credit in report
    assert "2025-06" in report
    assert credit in (run / "index.html").read_text(encoding="utf-8")
    with sqlite3.connect(run / "plan.gpkg") as base:
        rows = base.execute("SELECT metadata FROM gpkg_metadata").fetchall()
    assert any(credit in str(row) for row in rows)


def test_files_of_other_parts_of_the_model_are_recorded(tmp_path: Path) -> None:
    (tmp_path / "grid.csv").write_text(
        "substation_id,name,lon,lat,headroom_kw\nw,甲,117.01,36.66,5000\n", encoding="utf-8"
    )
    path = model(tmp_path)
    text = path.read_text(encoding="utf-8").replace(
        "charging: {", "charging: {substations: grid.csv, "
    )
    path.write_text(text, encoding="utf-8")
    city = read_city(load_model(path), cache=tmp_path)
    kinds = {one["path"]: one["kind"] for one in city.inputs}
    assert kinds["grid.csv"] == "charging.substations"
