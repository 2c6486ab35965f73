"""The clause ledger: every clause has one honest line."""

from __future__ import annotations

import pandas as pd
import pytest
from chinese import is_chinese

from siting.assemble.ledger import LATER_NOTE, PARAMETER_NOTE, UNITS, clause_ledger, measure_plan
from siting.assemble.measures import reading_notes
from siting.clauses import clauses
from siting.facts import clause_status
from siting.model.model import Model, Target, load_model
from siting.said import Said

NOTHING = {**dict.fromkeys(UNITS, 0.0), "service_areas": 1.0}


def test_every_clause_of_the_city_has_exactly_one_line_or_is_a_target() -> None:
    jinan, known = load_model("jinan"), clauses("济南市")
    ledger = clause_ledger(jinan.targets, NOTHING, known, {})
    assert {clause.id for clause in known} <= set(ledger.clause)
    others = ledger[~ledger.status.isin(["met", "short"])]
    assert not others.clause.duplicated().any()


@pytest.mark.parametrize(("planned", "status"), [(799.0, "short"), (800.0, "met")])
def test_a_target_is_met_from_its_number_on(planned: float, status: str) -> None:
    jinan = load_model("jinan")
    ledger = clause_ledger(jinan.targets, {**NOTHING, "stations": planned}, clauses("济南市"), {})
    assert ledger.set_index("measure").status["stations"] == status


def test_hydrogen_is_not_claimed_where_no_target_asks_for_it() -> None:
    targets = [t for t in load_model("jinan").targets if t.measure != "hydrogen_stations"]
    line = clause_ledger(targets, NOTHING, clauses("济南市"), {}).set_index("clause").loc["JN23-08"]
    assert line.status == "not_modelled"
    assert line.note


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("jinan", "JN23"),
        ("qingdao", "QD25"),
        ("qingdao", "QD14"),
        ("qingdao", "QDN"),
        ("zibo", "ZB21"),
    ],
)
def test_every_clause_that_is_no_target_has_a_reason_of_its_own(name: str, document: str) -> None:
    known = clauses(document)
    ledger = clause_ledger(load_model(name).targets, NOTHING, known, {})
    others = ledger[~ledger.status.isin(["met", "short"])]
    assert set(others.clause) <= {clause.id for clause in known}
    assert (others.note != "").all()
    assert ledger.reading_zh.map(is_chinese).all()
    assert others.note_zh.map(is_chinese).all()
    assert not others.note.isin([LATER_NOTE.en, PARAMETER_NOTE.en]).any()
    assert not others.note.duplicated().any()


JINAN = [f"JN23-{n:02d}" for n in (6, 7, 8, 9, 15, 17, 18, 20, 21, 27, 28, *range(30, 41))]
QINGDAO = [f"QD25-{n:02d}" for n in (4, 11, 12, 16, 25, 26, 27)]
ZIBO = ["ZB21-09", "ZB21-11", "ZB21-30", "ZB21-32", "ZB21-33", "ZB21-67"]
LEANING = Said("规划在求解之后向其倾斜", "the plan leans towards it after the solve")
STATUSES = {"met", "short", "preference", "context", "not_modelled"}


@pytest.mark.parametrize(
    ("name", "city", "clause"),
    [
        *(("jinan", "济南市", id_) for id_ in JINAN),
        *(("qingdao", "青岛市", id_) for id_ in QINGDAO),
        *(("zibo", "淄博市", id_) for id_ in ZIBO),
    ],
)
def test_each_clause_on_charging_says_how_it_is_held_or_why_not(
    name: str, city: str, clause: str
) -> None:
    model = load_model(name)
    pilots = pilot_leanings_of(model)
    ledger = clause_ledger(
        model.targets, NOTHING, clauses(city), reading_notes(model.charging), pilots
    )
    lines = ledger[ledger.clause == clause]
    assert len(lines) >= 1
    for line in lines.to_dict("records"):
        assert line["status"] in STATUSES
        assert line["quote"]
        said = line["reading"] if line["status"] in {"met", "short"} else line["note"]
        assert len(said) > 20
        chinese = "reading_zh" if line["status"] in {"met", "short"} else "note_zh"
        assert is_chinese(line[chinese])
        assert said not in {LATER_NOTE.en, PARAMETER_NOTE.en}


def pilot_leanings_of(model: Model) -> dict[str, Said]:
    """Clauses that the model leans towards after the solve."""
    pilots = model.charging.pilots
    named = () if pilots is None else (*pilots.v2g_clauses, *pilots.storage_clauses)
    hydrogen = () if model.hydrogen is None else model.hydrogen.clauses
    return dict.fromkeys((*named, *hydrogen), LEANING)


def test_jinan_binds_or_prefers_every_clause_that_has_a_place_in_a_siting_plan() -> None:
    model = load_model("jinan")
    ledger = clause_ledger(model.targets, NOTHING, clauses("济南市"), {}, pilot_leanings_of(model))
    held = set(ledger.clause[ledger.status.isin(["met", "short", "preference"])])
    assert {f"JN23-{n:02d}" for n in (6, 7, 8, 9, 15, 18, 21, 27, 28)} <= held
    assert {f"JN23-{n:02d}" for n in (30, 31, 32, 33, 37, 38, 39, 40)} <= held


def test_the_table_of_reasons_names_clauses_and_statuses_that_exist() -> None:
    known = {clause.id for clause in clauses()}
    stated = clause_status()
    assert set(stated) <= known
    assert {status for status, _ in stated.values()} <= {"preference", "context", "not_modelled"}


def test_a_measure_of_what_the_map_does_not_show_is_not_modelled() -> None:
    target = Target(measure="townships", at_least=1.0)
    line = clause_ledger([target], {**NOTHING, "townships": float("nan")}, (), {}).iloc[0]
    assert line.status == "not_modelled"
    assert "map" in line.note


def _frames() -> tuple[pd.DataFrame, ...]:
    stations = pd.DataFrame(
        {
            "site_id": ["a", "b", "c"],
            "status": ["new", "kept", "new"],
            "district_id": ["1", "1", "2"],
            "piles": [4, 6, 10],
            "piles_ac": [4, 0, 5],
            "piles_dc": [0, 6, 5],
        }
    )
    candidates = pd.DataFrame({"kind": ["service_area"] * 4, "chosen": [True, True, True, False]})
    demand = pd.DataFrame({"kwh_day": [100.0, 300.0], "served_kwh_day": [100.0, 100.0]})
    districts = pd.DataFrame(
        {
            "district_id": ["1", "2", "3"],
            "kwh_day": [100.0, 300.0, 0.0],
            "served_share": [1.0, 1 / 3, 0.0],
        }
    )
    types = pd.DataFrame({"type_id": ["ac", "dc"], "current": ["ac", "dc"]})
    return stations, candidates, demand, districts, types


def test_measures_are_counts_shares_and_the_worst_district() -> None:
    measured = measure_plan(*_frames(), existing_count=True)
    assert measured["stations"] == 3
    assert measured["piles"] == 20
    assert measured["dc_share"] == pytest.approx(11 / 20)
    assert measured["service_areas"] == pytest.approx(3 / 4)
    assert measured["district_stations"] == 0
    assert measured["served_share"] == pytest.approx(0.5)
    assert measured["district_served_share"] == pytest.approx(1 / 3)


def test_existing_stations_count_only_where_the_model_says_so() -> None:
    measured = measure_plan(*_frames(), existing_count=False)
    assert measured["stations"] == 2
    assert measured["piles"] == 14
