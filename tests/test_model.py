"""A model says what it means; every mistake in it is told at once, with line and cure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from siting import facts
from siting.errors import InputError, ModelError
from siting.model.model import Model, Solve, load_model, model_schema
from siting.model.yaml import load_yaml

ROOT = Path(__file__).parents[1]

SMALL = """\
area: {city: 济南}
demand:
  private: {vehicles: 1000}
  fleet: {vehicles: 200}
  heavy: {vehicles: 30}
"""


def _write(folder: Path, text: str, name: str = "town.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _problems(path: Path, **overrides: Any) -> tuple[str, ...]:
    with pytest.raises(ModelError) as caught:
        load_model(path, overrides)
    assert caught.value.exit_code == 4
    for problem in caught.value.problems:
        assert problem in str(caught.value)
    return tuple(problem.removeprefix(f"{path}:") for problem in caught.value.problems)


@pytest.mark.parametrize(
    "name", sorted(p.stem for p in (ROOT / "models").glob("*.yaml") if p.stem != "defaults")
)
def test_every_model_of_the_project_loads_by_name_and_by_path(name: str) -> None:
    model = load_model(name)
    assert model.name == name
    assert model == load_model(ROOT / "models" / f"{name}.yaml")
    assert model == load_model(str(ROOT / "models" / f"{name}.yaml"))


def test_a_short_model_takes_the_defaults_and_the_name_of_its_file(tmp_path: Path) -> None:
    model = load_model(_write(tmp_path, SMALL, "my town.yaml"))
    assert model.name == "my-town"
    assert model.demand.private.vehicles.value == 1000
    assert model.demand.private.vehicles.source == "set in the model"
    assert [pile.id for pile in model.charging.piles][:2] == ["ac7", "dc60"]
    assert model.demand.private.public_share.value == facts.figure("U060")["value"]
    assert model.solve == Solve(), "the file of defaults and the schema agree"


def test_a_models_own_figure_never_keeps_the_source_of_the_default(tmp_path: Path) -> None:
    text = SMALL + "charging:\n  urban_radius_m: {value: 1500}\n  rural_radius_m: 9000\n"
    charging = load_model(_write(tmp_path, text)).charging
    assert charging.urban_radius_m.value == 1500
    assert charging.urban_radius_m.source == charging.rural_radius_m.source == "set in the model"
    assert charging.heavy_radius_m.confidence == "memory"


def test_an_empty_mapping_is_left_out_and_a_list_is_taken_whole(tmp_path: Path) -> None:
    pile = "{id: p1, label_zh: 甲, label_en: A, kw: 30, utilisation: 0.1, equipment_cny: 1"
    text = (
        f"{SMALL}solve:\ncharging:\n  piles:\n    - {pile}, installation_cny: 1, segments: []}}\n"
    )
    model = load_model(_write(tmp_path, text))
    assert [pile.id for pile in model.charging.piles] == ["p1"]
    assert model.solve.gap == 0.01


def test_overrides_win_nested_or_dotted(tmp_path: Path) -> None:
    path = _write(tmp_path, SMALL)
    dotted = load_model(path, {"solve.gap": 0.05, "solve.seconds": 5})
    nested = load_model(path, {"solve": {"gap": 0.05, "seconds": 5}})
    assert dotted == nested
    assert (dotted.solve.gap, dotted.solve.seconds) == (0.05, 5)
    assert load_model(path, {"area.city": 370200}).area.city == "370200"


def test_loading_never_changes_what_the_caller_gave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pbf").touch()
    overrides = {"sources": {"roads": "a.pbf"}}
    load_model(_write(tmp_path, SMALL), overrides)
    assert overrides == {"sources": {"roads": "a.pbf"}}


def test_paths_start_from_where_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "city").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "city" / "roads.pbf").touch()
    (tmp_path / "here" / "own.pbf").touch()
    monkeypatch.chdir(tmp_path / "here")
    path = _write(tmp_path / "city", SMALL + "sources: {roads: roads.pbf}\n")
    assert load_model(path).sources.roads.file == str(tmp_path / "city" / "roads.pbf")
    own = load_model(path, {"sources.roads": Path("own.pbf")})
    assert own.sources.roads.file == str(tmp_path / "here" / "own.pbf")
    assert "own.pbf" in _problems(path, **{"sources.roads": "../city/own.pbf"})[0]


def test_all_mistakes_are_told_at_once_with_line_key_value_and_cure(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        """\
area: {city: 济南, districts: [历下, 历城区, 市忠区, 370102, Lixia Qu]}
areas: 1
sources:
  roads: nosuch.osm.pbf
demand:
  private: {vehicles: -5, public_share: 35, kwh_day: U999}
  fleet: {vehicles: 10}
charging:
  budget_cny: 9e8
  budget_cny: 8e8
  piles:
    - {id: dc60, kw: 0, label_zh: a, label_en: b, utilisation: 0, equipment_cny: 1, segments: [bus]}
targets:
  - {clause: JN23-66, measure: dc_share, at_least: 40}
  - {clause: QD25-01, measure: pils, at_least: -1}
  - {measure: piles, at_least: 10}
  - {measure: piles, at_least: 20}
""",
    )
    told = _problems(path)
    expected = [
        ("1: area.districts[2]:", "市忠区", "Did you mean 市中区"),
        ("2: areas:", "no such key", "Did you mean area"),
        ("4: sources.roads:", "no such file", "nosuch.osm.pbf"),
        ("5: demand.heavy.vehicles:", "missing", "Add `vehicles:`"),
        ("6: demand.private.vehicles:", "can't be less than 0", "got -5"),
        ("6: demand.private.public_share:", "got 35", "Write 35 % as 0.35"),
        ("6: demand.private.kwh_day:", "U999", "U079"),
        ("10: charging.budget_cny:", "twice, first in line 9", "Keep one"),
        ("12: charging.piles[0].kw:", "greater than 0", "got 0"),
        ("12: charging.piles[0].utilisation:", "more than 0", "got 0"),
        ("12: charging.piles[0].installation_cny:", "missing", "Add"),
        ("12: charging.piles[0].segments[0]:", "private", "got 'bus'"),
        ("14: targets[0].clause:", "JN23-66", "JN23-"),
        ("14: targets[0].at_least:", "at most 1", "Write 35 %"),
        ("15: targets[1].measure:", "got 'pils'", "Did you mean piles?"),
        ("15: targets[1].at_least:", "greater than or equal to 0", "got -1"),
        ("15: targets[1].clause:", "clause of Qingdao", "Jinan"),
        ("17: targets[3]:", "same as targets[2]", "Keep one"),
    ]
    for start, *rest in expected:
        found = [line for line in told if line.startswith(start)]
        assert any(all(part in line for part in rest) for line in found), (start, rest, told)
    assert len(told) == len(expected)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SMALL + "sources: {roads: https://example.org/a.pbf}", "a file on this machine"),
        (SMALL + "sources: {roads: /vsicurl/a.gpkg}", "a file on this machine"),
        (SMALL + "sources: {roads: sampel}", "Did you mean sample"),
        (SMALL + "sources: {roads: /dev/null}", "no such file"),
        (SMALL + "sources: {districts: cnmap}", "Did you mean cnmaps"),
        (SMALL.replace("city: 济南", "districts: [历下]"), "the sample roads need a city"),
        (SMALL + "name: a/b", "name: string should match"),
        (SMALL + "solve: {gap: no}", "has to be a valid number"),
        (SMALL + "notes: only one", "has to be a valid tuple"),
        (SMALL.replace("1000", ".inf"), "can't use this number"),
        (SMALL + "charging: {piles: []}", "has to be a kind of pile"),
        ("a: 1\nb: [", "this isn't YAML"),
        ("- 1", "no mapping"),
        ("!!python/object:os.system {}", "tags aren't allowed"),
    ],
)
def test_single_mistakes(tmp_path: Path, text: str, told: str) -> None:
    (problem, *_) = _problems(_write(tmp_path, text))
    assert told in problem


def test_two_kinds_of_pile_cannot_share_an_id(tmp_path: Path) -> None:
    pile = "{id: p1, label_zh: 甲, label_en: A, kw: 30, utilisation: 0.1, equipment_cny: 1"
    pile += ", installation_cny: 1, segments: [private]}"
    text = f"{SMALL}charging:\n  piles:\n    - {pile}\n    - {pile}\n"
    (problem,) = _problems(_write(tmp_path, text))
    assert problem.startswith("7: charging.piles: the id p1 is there twice")


def test_a_wrong_override_is_told_as_the_commands_own(tmp_path: Path) -> None:
    (problem,) = _problems(_write(tmp_path, SMALL), **{"solve.gap": 2})
    assert problem.startswith("given with the command: solve.gap: has to be less than 1")


def test_districts_are_only_checked_where_the_census_knows_them(tmp_path: Path) -> None:
    text = SMALL.replace("济南", "上海市, districts: [黄浦区]")
    assert load_model(_write(tmp_path, text)).area.districts == ("黄浦区",)


@pytest.mark.parametrize("name", ["jinn", "defaults", "", "..", "a b", "x" * 100])
def test_an_unknown_name_lists_the_models(name: str) -> None:
    with pytest.raises(ModelError, match="jinan, qingdao, zibo"):
        load_model(name)


@pytest.mark.parametrize("name", ["../models/none.yaml", "none.yml", "/etc", "models/"])
def test_a_path_that_is_no_file_is_an_input_error(name: str) -> None:
    with pytest.raises(InputError):
        load_model(name)


def test_a_model_is_frozen_and_refuses_what_is_not_a_number() -> None:
    model = load_model("jinan")
    with pytest.raises(ValidationError):
        model.name = "other"
    with pytest.raises(ValidationError):
        Solve(seconds=float("inf"))


def test_the_kept_schema_is_that_of_the_code() -> None:
    kept = json.loads((ROOT / "docs" / "model.schema.json").read_text(encoding="utf-8"))
    assert kept == json.loads(json.dumps(model_schema())), (
        "write json.dumps(siting.model.model.model_schema(), ensure_ascii=False, indent=2) to "
        "docs/model.schema.json"
    )


def test_the_schema_describes_the_models_of_the_project() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema isn't installed")
    for path in (ROOT / "models").glob("*.yaml"):
        jsonschema.validate(load_yaml(path), model_schema())


def test_the_schema_requires_nothing_that_the_defaults_give() -> None:
    parts = model_schema()["$defs"]
    assert "required" not in model_schema()
    assert "required" not in parts["Charging"]
    assert set(parts["Target"]["required"]) == {"measure", "at_least"}
    assert {"type": "number"} in parts["Fleet"]["properties"]["vehicles"]["anyOf"]
    assert set(model_schema()["properties"]) == set(Model.model_fields)
