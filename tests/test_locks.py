"""The line with locks: matched, honoured or refused together; each lie about them is caught."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import jsonschema
import pytest
import shapely
from pydantic import ValidationError
from tiny import SOUTH, STEP_DEG, WEST, write_model

from siting.cli import app
from siting.datum import from_wgs84
from siting.errors import InfeasibleError, LockError
from siting.locks.blame import honour
from siting.model.locks import Lock
from siting.model.model import load_model
from siting.pipeline import plan, prepare
from siting.store.runs import read_run
from siting.verify import failures, verify_plan
from siting.why.asking import explain_site
from siting.why.text import why_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from siting.city.reading import City
    from siting.ground import Ground
    from siting.pipeline import Published
    from siting.plan import Plan

ROOT = Path(__file__).parents[1]
HEAD = "序号,编号,名称,锁定,桩数,piles_dc120,原因,提出单位,经度,纬度\n"
FAR = (WEST + 10.5 * STEP_DEG, SOUTH + 3.5 * STEP_DEG * 0.8)
"""A place without a candidate near."""


def ground_of(folder: Path, rows: str = "", **overrides: Any) -> Ground:
    model = write_model(folder)
    if rows:
        path = folder / "locks.csv"
        path.write_text(HEAD + rows, encoding="utf-8")
        overrides["sources.locks"] = overrides.get("sources.locks", str(path))
    return prepare(load_model(model, overrides), out=folder / "maps", seconds={})


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("locks")
    lon, lat = FAR
    rows = (
        "1,junction/136,,禁建,,,拆迁,市住建局,,\n"
        "2,node/10000,,必建,,,,,,\n"
        f"3,,新地块,定规模,9,,,,{lon:.7f},{lat:.7f}\n"
        "4,node/10004,,定规模,,2,,,,\n"
    )
    (folder / "locks.csv").write_text(HEAD + rows, encoding="utf-8")
    model = write_model(folder)
    return plan(model, out=folder / "maps", overrides={"sources.locks": str(folder / "locks.csv")})


@pytest.fixture(scope="module")
def back(town: Published) -> Plan:
    return read_run(town.folder)


def test_every_lock_is_honoured_and_said(back: Plan) -> None:
    assert failures(verify_plan(back)) == ()
    schema = json.loads((ROOT / "docs/run.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(back.run, schema)
    one, two, three, four = back.run["locks"]
    stations = back.stations.set_index("site_id")
    assert "junction/136" not in stations.index
    assert one["did_zh"] == "1 处充换电站未建"
    assert one["who"] == "市住建局"
    assert two["built"] == 1
    assert stations.loc["node/10000", "lock"] == "fix"
    assert three["matched"] == "own"
    assert stations.loc[three["ids"][0], "piles"] == 9
    assert stations.loc[three["ids"][0], "name"] == "新地块"
    assert [stations.loc["node/10004", c] for c in ("piles", "piles_dc120")] == [2, 2]
    assert four["piles_by_type"] == {"dc120": 2}
    assert back.candidates.set_index("site_id").loc["junction/136", "lock"] == "ban"
    assert any("locks.csv" in record["path"] for record in back.run["inputs"])


def test_why_tells_of_locks(back: Plan) -> None:
    banned = "; ".join(why_lines(explain_site(back, "junction/136")))
    fixed = "; ".join(why_lines(explain_site(back, "node/10000")))
    assert "not open, and can't be: a lock bans it" in banned
    assert "open, because a lock demands it (fix)" in fixed


def _locks(found: Plan, number: int, **changes: Any) -> Plan:
    rows = [
        {**one, **changes} if one["number"] == number else dict(one) for one in found.run["locks"]
    ]
    return replace(found, run={**found.run, "locks": rows})


def _first_open(found: Plan) -> str:
    return str(found.stations["site_id"][found.stations["lock"] == ""].iloc[0])


LIES: dict[str, tuple[str, Callable[[Plan], Plan]]] = {
    "a ban on what is built": (
        "lock 1 (ban charging): nothing is built",
        lambda found: _locks(found, 1, ids=[_first_open(found)]),
    ),
    "a fix of what is closed": (
        "lock 2 (fix charging): all is built",
        lambda found: _locks(found, 2, ids=["junction/136"]),
    ),
    "a fix of nothing": (
        "lock 2 (fix charging): names something",
        lambda found: _locks(found, 2, ids=[]),
    ),
    "another size": (
        "lock 3 (size charging): 8 piles",
        lambda found: _locks(found, 3, piles=8),
    ),
    "other types": (
        "lock 4 (size charging): piles by type",
        lambda found: _locks(found, 4, piles_by_type={"dc60": 2}),
    ),
    "no such candidate": (
        "lock 1 (ban charging): names candidates",
        lambda found: _locks(found, 1, ids=["nowhere"]),
    ),
    "a lock that is left out": (
        "locks in the layer candidates are those of the run",
        lambda found: replace(found, run={**found.run, "locks": found.run["locks"][1:]}),
    ),
    "a place far from its candidate": (
        "lock 2 (fix charging): distance to what it means",
        lambda found: _locks(found, 2, matched="place", place=list(FAR), distance_m=1.0),
    ),
    "a site forced without a lock": (
        "evidence: only sites that have to be open are forced",
        lambda found: replace(
            found, evidence={**found.evidence, "forced": found.evidence["forced"] | True}
        ),
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_about_a_lock_is_caught_by_its_check(back: Plan, name: str) -> None:
    check, lie = LIES[name]
    wrong = [one.check for one in verify_plan(lie(back)) if not one.ok]
    assert check in wrong


def test_everything_that_collides_is_told_at_once(tmp_path: Path) -> None:
    rows = (
        "1,node/10007,,禁建,,,,,,\n"  # a station in operation that stays
        "2,node/10006,,禁建,,,,,,\n"  # a service area
        "3,node/10004,,必建,,,,,,\n"
        "4,node/10004,,禁建,,,,,,\n"  # the same site twice
        "5,junction/136,,定规模,900,,,,,\n"  # land and grid
        "6,nowhere,,必建,,,,,,\n"
    )
    with pytest.raises(LockError) as caught:
        ground_of(tmp_path, rows)
    text = "\n".join(caught.value.problems)
    assert "node/10007 is a station in operation that stays" in text
    assert "node/10006 has to be built" in text
    assert "are both on node/10004" in text
    assert "900 piles at junction/136, whose land holds 30" in text
    assert "its grid gives" in text
    assert "nowhere is no candidate and no place of the map" in text
    assert caught.value.exit_code == 11


def test_a_lock_on_a_programme_that_is_not_planned_is_refused(tmp_path: Path) -> None:
    locks = [
        {"what": "fix", "item": item, "id": "x"}
        for item in ("hydrogen", "roadside", "edge_node", "test_road")
    ]
    with pytest.raises(LockError) as caught:
        ground_of(tmp_path, locks=locks)
    assert sum("the model plans none" in problem for problem in caught.value.problems) == 4


def test_a_fixed_place_on_excluded_land_is_refused_with_the_land(tmp_path: Path) -> None:
    lon, lat = FAR
    square = shapely.box(lon - 0.003, lat - 0.003, lon + 0.003, lat + 0.003)
    land = gpd.GeoDataFrame({"name": ["永久基本农田"]}, geometry=[square], crs=4326)
    land.to_file(tmp_path / "land.gpkg")
    with pytest.raises(LockError, match="永久基本农田"):
        ground_of(
            tmp_path,
            f"1,,,必建,,,,,{lon},{lat}\n",
            **{"sources.exclusions": str(tmp_path / "land.gpkg")},
        )


def test_a_place_means_the_nearest_candidate_and_its_datum_is_undone(tmp_path: Path) -> None:
    plain = ground_of(tmp_path)
    site = plain.candidates.frame.set_index("site_id").loc["node/10000"]
    lon, lat = (float(v[0]) for v in from_wgs84([site.geometry.x], [site.geometry.y], "gcj02"))
    (tmp_path / "gcj.csv").write_text(f"{HEAD}1,,,必建,,,,,{lon},{lat}\n", encoding="utf-8")
    ground = ground_of(
        tmp_path,
        **{"sources.locks": {"file": str(tmp_path / "gcj.csv"), "datum": "gcj02"}},
    )
    assert [lock.ids for lock in ground.city.model.locks] == [("node/10000",)]
    assert ground.city.locks[0].distance_m < 2
    assert any("up to 150 m" in note.en for note in ground.city.notes)


def test_a_banned_area_bans_all_candidates_in_it(tmp_path: Path) -> None:
    plain = ground_of(tmp_path)
    lon, lat = FAR
    square = shapely.box(lon - 0.008, lat - 0.006, lon + 0.008, lat + 0.006)
    layer = gpd.GeoDataFrame({"锁定": ["禁建"]}, geometry=[square], crs=4326)
    layer.to_file(tmp_path / "area.gpkg")
    ground = ground_of(tmp_path, **{"sources.locks": str(tmp_path / "area.gpkg")})
    inside = plain.candidates.frame[plain.candidates.frame.intersects(square)]
    assert len(inside) > 1
    assert set(ground.city.model.locks[0].ids) == set(inside["site_id"])


def test_a_lock_says_one_thing_of_one_place() -> None:
    for wrong in (
        {"what": "fix"},
        {"what": "size", "id": "a"},
        {"what": "ban", "id": "a", "piles": 4},
        {"what": "size", "id": "a", "piles": 4, "piles_by_type": {"dc60": 3}},
        {"what": "fix", "lon": 117.0},
        {"what": "forbid", "id": "a"},
    ):
        with pytest.raises(ValidationError):
            Lock.model_validate(wrong)
    assert Lock.model_validate({"what": "size", "id": 7, "piles": 4}).ids == ("7",)


def test_the_locks_to_blame_are_named_and_no_others(tmp_path: Path) -> None:
    locks = [{"what": "ban", "id": f"node/1000{n}"} for n in (0, 1, 4)]
    city = ground_of(tmp_path, locks=locks).city

    def fits(own: City) -> int:
        banned = {id_ for lock in own.model.locks for id_ in lock.ids}
        if {"node/10000", "node/10004"} <= banned:
            raise InfeasibleError("no room", where="here")
        return len(banned)

    with pytest.raises(LockError, match="no room") as caught:
        honour(fits, city, ("charging",))
    assert len(caught.value.problems) == 2
    assert "node/10000" in caught.value.problems[0]
    assert "node/10004" in caught.value.problems[1]
    assert honour(lambda own: len(own.model.locks), city, ("charging",)) == 3


def test_the_command_line_takes_a_file_of_locks() -> None:
    from typer.testing import CliRunner  # noqa: PLC0415

    for command in ("plan", "locks"):
        shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
        assert "--lock" in shown.output
        assert "--lock-datum" in shown.output
