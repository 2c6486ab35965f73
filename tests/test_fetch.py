"""Fetching a map through the real client, from a local server that plays the hosts."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import shapely
import yaml
from fetchserver import (
    OSM_BASE,
    STATE,
    Asked,
    Server,
    file,
    md5,
    overpass,
    say,
    serving,
    status,
    write_region,
)
from tiny import write_model

from siting import __version__
from siting.city.reading import read_city
from siting.errors import FetchError, InputError, ModelError, SitingError
from siting.fetch.fetching import Fetched, area_of, fetch
from siting.fetch.record import read_record, sidecar
from siting.fetch.rules import Rules, default_config, load_rules
from siting.model.model import load_model
from siting.osm import read_osm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from siting.fetch.client import Progress

BOX = (116.99, 36.64, 117.06, 36.70)
"""Around the first town; it lies on two tiles."""
PATH = "/asia/region-latest.osm.pbf"
QUERY = "/api/interpreter"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_region(tmp_path_factory.mktemp("region") / "region.osm.pbf")


def _fetch(server: Server, folder: Path, source: str = "overpass", **more: object) -> Fetched:
    rules = more.pop("rules", {})
    assert isinstance(rules, dict)
    arguments = {"box": BOX, "out": folder / "out" / "town.osm.pbf", **more}
    config = server.config(folder, **rules)
    return fetch(write_model(folder), source=source, config=config, **arguments)


def _names(path: Path) -> set[str]:
    found = read_osm(path)
    return {*found.roads.frame.name, *found.facilities.name, *found.boundaries.name}


def _left(folder: Path) -> set[str]:
    return {path.name for path in (folder / "out").rglob("*") if path.is_file()}


def test_an_extract_is_fetched_compared_cut_and_recorded(
    server: Server, region: Path, tmp_path: Path
) -> None:
    data = region.read_bytes()
    url = server.on(PATH, file(data))
    server.on(f"{PATH}.md5", md5(data))
    found = _fetch(server, tmp_path, url)
    got, whole = read_osm(found.path), read_osm(region)
    town = whole.roads.frame[whole.roads.frame.name.str.startswith("0")]
    assert set(got.roads.frame.road_id) == set(town.road_id)
    assert got.roads.frame.geometry.to_numpy().tolist() == town.geometry.to_numpy().tolist()
    assert len(got.facilities) == len(whole.facilities) // 2 + 1  # the park is in the first town
    assert len(got.roads.signals) == len(whole.roads.signals) // 2
    county = shapely.box(116.9, 36.6, 117.03, 36.8)  # whole, far beyond the box
    assert shapely.equals(got.boundaries.geometry.to_numpy(), county).tolist() == [True]
    record = found.record
    assert (record.source, record.date) == (url, STATE)
    assert record.sha256 == hashlib.sha256(found.path.read_bytes()).hexdigest()
    assert record.source_sha256 == hashlib.sha256(data).hexdigest()
    assert record.checksum == f"md5 {hashlib.md5(data, usedforsecurity=False).hexdigest()}"
    assert "ODbL" in record.licence
    assert read_record(found.path) == record


def test_requests_name_the_project_and_its_version_and_nothing_else(
    server: Server, region: Path, tmp_path: Path
) -> None:
    _fetch(server, tmp_path, server.on(PATH, file(region.read_bytes())))
    for one in server.asked:
        assert one.headers["User-Agent"] == f"siting/{__version__}"
        known = {"User-Agent", "Host", "Connection", "Accept-Encoding"}
        assert set(one.headers) <= known


def test_overpass_tiles_join_into_the_map_that_the_extract_gives(
    server: Server, region: Path, tmp_path: Path
) -> None:
    server.on(QUERY, overpass(region, tmp_path, packed=True))
    server.on(PATH, file(region.read_bytes()))
    found = _fetch(server, tmp_path)
    assert sum(one.path == QUERY for one in server.asked) == 2
    other = tmp_path / "other"
    other.mkdir()
    cut = _fetch(server, other, server.base + PATH)
    one, two = read_osm(found.path), read_osm(cut.path)
    for name in ("facilities", "boundaries"):
        left, right = getattr(one, name), getattr(two, name)
        assert left.drop(columns="geometry").equals(right.drop(columns="geometry"))
        assert shapely.equals(left.geometry.to_numpy(), right.geometry.to_numpy()).all()
    assert one.roads.frame.equals(two.roads.frame)
    assert one.roads.vertex_id.tolist() == two.roads.vertex_id.tolist()
    assert found.record.date == OSM_BASE
    assert _left(tmp_path) == {"town.osm.pbf", "town.osm.pbf.source.yaml"}


def test_a_fetched_map_is_read_by_a_plan_and_its_record_repeated(
    server: Server, region: Path, tmp_path: Path
) -> None:
    found = _fetch(server, tmp_path, server.on(PATH, file(region.read_bytes())))
    question = load_model(tmp_path / "tiny.yaml", {"sources.roads": str(found.path)})
    (record,) = read_city(question, cache=tmp_path).inputs
    assert record["source"] == server.base + PATH
    assert record["date"] == STATE
    assert "ODbL" in record["licence"]
    with found.path.open("ab") as changed:
        changed.write(b"\0")
    assert read_record(found.path) is None  # it speaks of other bytes


def test_a_cut_download_goes_on_where_it_broke_off(
    server: Server, region: Path, tmp_path: Path
) -> None:
    data = region.read_bytes()
    url = server.on(PATH, file(data, cut=900), file(data, cut=700), file(data))
    server.on(f"{PATH}.md5", md5(data))
    found = _fetch(server, tmp_path, url)
    ranges = [one.headers.get("Range") for one in server.asked if one.path == PATH]
    assert ranges == [None, "bytes=900-", "bytes=1600-"]
    assert found.record.source_sha256 == hashlib.sha256(data).hexdigest()


def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(
    server: Server, region: Path, tmp_path: Path
) -> None:
    data = region.read_bytes()
    url = server.on(PATH, file(bytes(len(data)), cut=900), file(data))
    server.on(f"{PATH}.md5", md5(data))
    found = _fetch(server, tmp_path, url)
    assert found.record.source_sha256 == hashlib.sha256(data).hexdigest()


def test_a_server_that_always_breaks_off_ends_the_fetch_and_the_next_goes_on(
    server: Server, region: Path, tmp_path: Path
) -> None:
    data = region.read_bytes()
    dead = status(503)
    url = server.on(PATH, file(data, cut=900), dead)
    with pytest.raises(FetchError, match="no answer in 2 tries"):
        _fetch(server, tmp_path, url, rules={"tries": 2})
    assert not (tmp_path / "out" / "town.osm.pbf").exists()
    server.on(PATH, file(data))
    server.on(f"{PATH}.md5", md5(data))
    _fetch(server, tmp_path, url)
    assert [one.headers.get("Range") for one in server.asked][-2:] == ["bytes=900-", None]


def test_an_extract_that_did_not_change_is_not_fetched_again(
    server: Server, region: Path, tmp_path: Path
) -> None:
    url = server.on(PATH, file(region.read_bytes()))
    first = _fetch(server, tmp_path, url)
    before = len(server.asked)
    second = _fetch(server, tmp_path, url)
    (again,) = server.asked[before:]
    assert "If-None-Match" in again.headers
    assert (first.record.source_sha256, first.record.sha256) == (
        second.record.source_sha256,
        second.record.sha256,
    )


@pytest.mark.parametrize("given", [True, False])
def test_a_wrong_checksum_keeps_nothing(
    server: Server, region: Path, tmp_path: Path, *, given: bool
) -> None:
    data = region.read_bytes()
    url = server.on(PATH, file(data))
    server.on(f"{PATH}.md5", md5(data + b"x"))
    name = "sha256" if given else "md5"
    with pytest.raises(FetchError, match=f"isn't the one its {name}"):
        _fetch(server, tmp_path, url, sha256="0" * 64 if given else "")
    assert {name for name in _left(tmp_path) if not name.startswith(".lock")} == set()


def test_a_right_sha256_passes_and_is_recorded(
    server: Server, region: Path, tmp_path: Path
) -> None:
    data = region.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    found = _fetch(server, tmp_path, server.on(PATH, file(data)), sha256=digest.upper())
    assert found.record.checksum == f"sha256 {digest}"
    assert [one.path for one in server.asked] == [PATH]


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream"])
def test_a_web_page_is_no_map(server: Server, tmp_path: Path, kind: str) -> None:
    page = b"<!DOCTYPE html><html><body>Please log in</body></html>"
    url = server.on(PATH, status(200, page, Content_Type=kind))
    with pytest.raises(FetchError, match="web page"):
        _fetch(server, tmp_path, url)
    server.on(QUERY, status(200, page, Content_Type=kind))
    with pytest.raises(FetchError, match="no answer of an Overpass server"):
        _fetch(server, tmp_path)
    assert not any(name.endswith((".pbf", ".part")) for name in _left(tmp_path))


def test_an_extract_of_another_place_is_refused(
    server: Server, region: Path, tmp_path: Path
) -> None:
    url = server.on(PATH, file(region.read_bytes()))
    with pytest.raises(FetchError, match="nothing in the area"):
        _fetch(server, tmp_path, url, box=(10.0, 50.0, 10.1, 50.1))
    assert "town.osm.pbf" not in _left(tmp_path)


def test_a_busy_overpass_is_asked_again_and_tiles_that_came_are_kept(
    server: Server, region: Path, tmp_path: Path
) -> None:
    good, busy = overpass(region, tmp_path), status(429, Retry_After="0")
    server.on(QUERY, busy, status(504), good, status(504))
    with pytest.raises(FetchError, match="HTTP 504"):
        _fetch(server, tmp_path, rules={"tries": 3})
    server.on(QUERY, good)
    before = len(server.asked)
    _fetch(server, tmp_path, rules={"tries": 3})
    assert len(server.asked) - before == 1


def test_a_query_that_runs_out_of_time_is_asked_in_quarters(
    server: Server, region: Path, tmp_path: Path
) -> None:
    remark = b'<remark> runtime error: Query timed out in "query" at line 2. </remark>'
    late = status(200, b'<?xml version="1.0"?>\n<osm version="0.6">' + remark + b"</osm>\n")
    server.on(QUERY, late, overpass(region, tmp_path))
    found = _fetch(server, tmp_path)
    assert sum(one.path == QUERY for one in server.asked) == 1 + 4 + 1
    assert len(read_osm(found.path).roads.frame) == 48


def test_an_answer_without_its_end_is_asked_again(
    server: Server, region: Path, tmp_path: Path
) -> None:
    half = status(200, b'<?xml version="1.0"?>\n<osm version="0.6"><node id="1"')
    server.on(QUERY, half, overpass(region, tmp_path))
    assert len(read_osm(_fetch(server, tmp_path).path).roads.frame) == 48


def test_a_query_that_the_server_refuses_is_not_repeated(server: Server, tmp_path: Path) -> None:
    server.on(QUERY, status(400, b"<p>Error: line 1: parse error</p>"))
    with pytest.raises(FetchError, match=r"HTTP 400.*parse error"):
        _fetch(server, tmp_path)
    assert len(server.asked) == 1


def test_ctrl_c_keeps_what_came_and_the_same_command_goes_on(
    server: Server, region: Path, tmp_path: Path
) -> None:
    data = region.read_bytes()
    url = server.on(PATH, file(data, slow_s=0.2), file(data))
    server.on(f"{PATH}.md5", md5(data))
    box = ",".join(map(str, BOX))
    out = tmp_path / "out" / "town.osm.pbf"
    words = ("fetch", write_model(tmp_path), "--source", url, "--out", out, "--box", box)
    command = [sys.executable, "-m", "siting", *map(str, words), "--config"]
    command.append(str(server.config(tmp_path)))
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(  # noqa: S603
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as running:
        deadline = time.monotonic() + 60
        while not server.asked and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1.0)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=30)
    assert running.returncode == 130, said
    assert b"goes on from there" in said
    assert b"Traceback" not in said
    (part,) = [path for path in out.parent.iterdir() if path.name.endswith(".part")]
    came = part.stat().st_size
    assert 0 < came < len(data)
    assert not out.exists()
    done = subprocess.run(  # noqa: S603
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert [one.headers.get("Range") for one in server.asked if one.path == PATH] == [
        None,
        f"bytes={came}-",
    ]
    assert f"--roads {out}" in done.stdout
    assert len(read_osm(out).roads.frame) == 48


def test_ctrl_c_in_the_middle_of_a_tile_leaves_only_whole_ones(
    server: Server, region: Path, tmp_path: Path
) -> None:
    server.on(QUERY, overpass(region, tmp_path))

    def stop(progress: Progress) -> None:
        if progress.done and sum(one.path == QUERY for one in server.asked) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _fetch(server, tmp_path, tell=stop)
    assert len([name for name in _left(tmp_path) if name.endswith(".osm")]) == 1
    _fetch(server, tmp_path)
    assert sum(one.path == QUERY for one in server.asked) == 3


def test_the_area_is_that_of_the_models_districts(tmp_path: Path) -> None:
    square = shapely.box(117.0, 36.6, 117.1, 36.7)
    layer = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"name": "甲区", "district_id": "370101"},
                "geometry": shapely.geometry.mapping(square),
            }
        ],
    }
    (tmp_path / "districts.geojson").write_text(json.dumps(layer), encoding="utf-8")
    model = load_model(
        write_model(tmp_path), {"sources.districts": str(tmp_path / "districts.geojson")}
    )
    area = area_of(model)
    assert area.contains(square.buffer(0.02))  # what a plan looks at
    assert area.area < square.buffer(0.04).area


def test_a_model_without_an_area_asks_for_a_box(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="--box"):
        area_of(load_model(write_model(tmp_path)))


def test_a_fetch_without_rules_of_the_users_own_asks_public_hosts_only(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert default_config() == tmp_path / "config" / "siting" / "fetch.yaml"
    assert load_rules() == Rules()
    assert Rules().insecure_hosts == ()
    url = server.on(PATH, status(200))
    for source in (url, url.replace("http:", "https:"), "https://example.org/x.osm.pbf"):
        with pytest.raises(FetchError):
            fetch(write_model(tmp_path), source=source, box=BOX, out=tmp_path / "out" / "a.osm.pbf")
    assert server.asked == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hosts: nowhere", "hosts"),
        ("allow_everything: true", "allow_everything"),
        ("tries: 0", "tries"),
        ("- a", "dictionary"),
        ("hosts: [a\n", "YAML"),
    ],
)
def test_wrong_rules_are_named_with_their_keys(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "fetch.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words) as caught:
        load_rules(path)
    assert str(path) in str(caught.value)


def test_rules_that_are_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        load_rules(tmp_path / "nowhere.yaml")


def test_a_sidecar_that_is_none_is_refused(tmp_path: Path) -> None:
    map_file = tmp_path / "a.osm.pbf"
    map_file.write_bytes(b"x")
    assert read_record(map_file) is None
    for text in ("- a", yaml.safe_dump({"path": "a.osm.pbf"}), "sha256: 3"):
        sidecar(map_file).write_text(text, encoding="utf-8")
        with pytest.raises(SitingError):
            read_record(map_file)


def test_another_fetch_of_the_same_file_is_told_to_wait(
    server: Server, region: Path, tmp_path: Path
) -> None:
    data = region.read_bytes()

    def meanwhile(handler: object, one: Asked) -> None:
        with pytest.raises(SitingError, match="another run") as caught:
            _fetch(server, tmp_path, url)
        assert caught.value.exit_code == 9
        file(data)(handler, one)  # type: ignore[arg-type]

    url = server.on(PATH, meanwhile)
    assert _fetch(server, tmp_path, url).path.is_file()


def test_a_page_too_many_is_refused(server: Server, region: Path, tmp_path: Path) -> None:
    data = region.read_bytes()
    url = server.on(PATH, file(data))
    with pytest.raises(FetchError, match="larger than your rules"):
        _fetch(server, tmp_path, url, rules={"most_mb": 0.001})

    def unsized(handler: object, _: Asked) -> None:
        say(handler, 200, data, {"Content-Length": ""})  # type: ignore[arg-type]

    server.on(PATH, unsized)
    with pytest.raises(FetchError, match="larger than your rules"):
        _fetch(server, tmp_path, url, rules={"most_mb": 0.001})
    assert not any(name.endswith(".pbf") for name in _left(tmp_path))
