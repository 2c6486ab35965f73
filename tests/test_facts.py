"""The curated facts: complete, hashed, sourced, and looked up by id."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from siting import clauses as policy
from siting import facts
from siting.demand.charging import SEGMENTS
from siting.files import sha256_of
from siting.frames import FACILITY_KINDS, ROAD_CLASSES
from siting.model.figures import Figure
from siting.model.model import load_model

POLICIES = Path(__file__).parents[1].parent / "shared" / "policies"


def test_every_file_of_facts_is_in_the_catalog_with_its_hash() -> None:
    folder = facts.data_folder()
    listed = yaml.safe_load((folder / "catalog.yaml").read_text(encoding="utf-8"))["files"]
    by_path = {row["path"]: row for row in listed}
    present = {
        path.relative_to(folder).as_posix()
        for path in [*folder.glob("*.csv"), *folder.glob("clauses/*.yaml")]
    }
    assert set(by_path) == present
    for path, row in by_path.items():
        assert row["sha256"] == sha256_of(folder / path), path
        assert all(row[key] for key in ("what", "source", "licence", "date", "datum")), path


def test_there_are_185_clauses_with_unique_ids_and_valid_keys() -> None:
    every = policy.clauses()
    assert len(every) == 185
    assert len({clause.id for clause in every}) == 185
    for clause in every:
        assert clause.id.startswith(clause.document.id + "-"), clause.id
        assert clause.quote.strip()
        assert clause.reading.strip()
        assert clause.use in policy.CLAUSE_USES, clause.id
        assert set(clause.metric) <= {
            "indicator",
            "op",
            "value",
            "unit",
            "deadline",
            "scope",
            "aspirational",
        }
        if clause.metric:
            assert clause.metric["op"] in policy.CLAUSE_OPS, clause.id
            numeric = clause.metric["op"] in {">=", ">", "=", "<=", "<"}
            assert numeric == (clause.metric["value"] is not None), clause.id


@pytest.mark.parametrize(
    ("document", "count"), [("QD25", 34), ("ZB21", 72), ("QDN", 8), ("QD14", 25), ("JN23", 46)]
)
def test_a_document_has_all_its_clauses(document: str, count: int) -> None:
    assert len(policy.clauses(document)) == count


def test_quotes_are_the_documents_own_words() -> None:
    if not POLICIES.is_dir():
        pytest.skip("the policy documents are not beside the repository")
    texts = [re.sub(r"\s", "", path.read_text(encoding="utf-8")) for path in POLICIES.iterdir()]
    for clause in policy.clauses():
        quote = re.sub(r"\s", "", clause.quote)
        assert any(quote in text for text in texts), clause.id


def test_a_clause_carries_its_document_and_its_number() -> None:
    clause = policy.clause("JN23-06")
    assert clause.metric["value"] == 800
    assert clause.document.number == "济政办字〔2023〕38号"
    assert clause.document.date == "2023-08-22"
    assert "800座以上" in clause.quote


def test_an_unknown_clause_names_near_ones() -> None:
    with pytest.raises(ValueError, match=r"JN23-6.*JN23-\d\d"):
        policy.clause("JN23-6")


@pytest.mark.parametrize("city", ["济南", "济南市", "Jinan", "jinan", "370100", "370102"])
def test_a_city_is_known_by_any_of_its_names(city: str) -> None:
    assert facts.english_city(city) == "Jinan"
    assert {clause.document.id for clause in policy.clauses(city)} == {"JN23"}


@pytest.mark.parametrize("city", ["", "上海", "310000", "extent", "Helsinki"])
def test_a_city_without_documents_has_no_clauses_and_no_service_areas(city: str) -> None:
    assert facts.english_city(city) == ""
    assert facts.service_areas(city).empty
    assert facts.site_clauses(city) == {}
    if city:
        assert policy.clauses(city) == ()


def test_a_figure_is_the_middle_of_its_row_in_the_models_form() -> None:
    figure = Figure(**facts.figure("U012"))
    assert figure.value == 200_000
    assert figure.unit == "CNY/station"
    assert figure.confidence == "memory"
    assert figure.source.startswith("U012")


@pytest.mark.parametrize("id_", ["U999", "", "U023", "costs"])
def test_an_unknown_figure_or_one_without_a_middle_is_a_value_error(id_: str) -> None:
    with pytest.raises(ValueError, match="unit_costs"):
        facts.figure(id_)


def test_every_fact_says_where_it_comes_from_and_how_sure_it_is() -> None:
    for table in (facts.unit_costs(), facts.baseline(), facts.district_table()):
        assert table["source"].str.len().min() > 0
        assert set(table["confidence"]) <= {"document", "found", "memory"}
    kinds = facts.site_kinds()
    assert set(kinds["confidence"]) <= {"document", "found", "memory"}
    assert kinds["source"].str.len().min() > 0


def test_census_sums_are_those_of_the_three_cities() -> None:
    table = facts.district_table()
    scope = table[table["in_scope"] == 1]
    people = scope.groupby("city_en")["population_2020"].sum().to_dict()
    assert people == {"Jinan": 9_202_432, "Qingdao": 10_071_722, "Zibo": 4_704_138}
    in_polygons = scope.groupby("city_en")["population_2020_in_polygon"].sum().to_dict()
    assert in_polygons == people


def test_tables_are_copies_so_that_no_caller_changes_the_facts() -> None:
    table = facts.unit_costs()
    table["mid"] = 0.0
    assert facts.figure("U012")["value"] == 200_000


def test_service_areas_have_both_sides_within_a_kilometre() -> None:
    areas = facts.service_areas("济南")
    assert len(areas) == 24
    assert areas["service_area_id"].is_unique
    spread = areas.groupby("name")[["lon", "lat"]].agg(lambda side: side.max() - side.min())
    assert spread.to_numpy().max() < 0.01
    assert areas["lon"].between(116.2, 117.8).all()
    assert areas["lat"].between(36.0, 37.6).all()


def test_site_kinds_and_demand_weights_name_known_kinds_and_classes() -> None:
    kinds = facts.site_kinds()
    assert set(kinds.index) <= {*FACILITY_KINDS, "roadside"}
    assert kinds.index.is_unique
    assert (kinds["min_piles"] <= kinds["usual_piles"]).all()
    assert (kinds["usual_piles"] <= kinds["max_piles"]).all()
    assert (kinds["min_kw"] < kinds["max_kw"]).all()
    for city in ("Jinan", "Qingdao", "Zibo"):
        by_kind = facts.site_clauses(city)
        assert set(by_kind) <= set(kinds.index)
        for ids in by_kind.values():
            assert all(policy.clause(id_).document.city == city for id_ in ids)
    weights = facts._table("demand_weights.csv")
    roads = weights[weights["of"] == "road"]
    assert set(roads["name"]) <= set(ROAD_CLASSES)
    assert set(weights[weights["of"] == "facility"]["name"]) <= set(FACILITY_KINDS)
    assert (weights["weight"] > 0).all()


@pytest.mark.parametrize("name", ["jinan", "qingdao", "zibo"])
def test_a_shipped_model_names_its_citys_clauses_and_says_what_is_unsourced(name: str) -> None:
    model = load_model(name)
    own = {clause.id for clause in policy.clauses(name)}
    assert own
    assert {target.clause for target in model.targets if target.clause} <= own
    assert all(target.reading for target in model.targets)
    assert any("budget is the planner's own" in note.en for note in model.said_notes)
    for pile in model.charging.piles:
        for figure in (pile.utilisation, pile.equipment_cny, pile.installation_cny):
            assert figure.confidence in {"document", "found", "memory"}
            assert figure.source


def test_jinans_fleets_add_up_to_the_clauses() -> None:
    model = load_model("jinan")
    vehicles = {name: getattr(model.demand, name).vehicles.value for name in SEGMENTS}
    assert sum(vehicles.values()) == policy.clause("JN23-01").metric["value"]
    assert vehicles["fleet"] == policy.clause("JN23-20").metric["value"]
    assert vehicles["heavy"] == policy.clause("JN23-21").metric["value"]
    floors = {target.clause: target.at_least for target in model.targets}
    for clause in ("JN23-06", "JN23-07", "JN23-27"):
        assert floors[clause] == policy.clause(clause).metric["value"]


def test_jinans_energy_agrees_with_the_national_mean_within_a_third() -> None:
    model = load_model("jinan")
    fleets = [getattr(model.demand, name) for name in SEGMENTS]
    ours = sum(f.vehicles.value * f.kwh_day.value * f.public_share.value for f in fleets)
    mean = facts.figure("U052")["value"] / 365 * facts.figure("U059")["value"]
    assert ours == pytest.approx(250_000 * mean, rel=1 / 3)


@pytest.mark.parametrize("name", ["qingdao", "zibo"])
def test_a_number_that_no_document_states_is_called_the_planners_own(name: str) -> None:
    model = load_model(name)
    assert any(target.clause for target in model.targets)
    for target in model.targets:
        stated = policy.clause(target.clause).metric if target.clause else {}
        if stated.get("value") is None:
            assert "planner's own" in target.reading
        else:
            assert target.at_least == stated["value"]
    assert any("no charging number" in note.en for note in model.said_notes)
    fleets = [getattr(model.demand, segment) for segment in SEGMENTS]
    assert {fleet.vehicles.confidence for fleet in fleets} == {"memory"}
