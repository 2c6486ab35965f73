"""Why a model can't be planned: clauses, districts and numbers that arithmetic knows."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from core.buildings import town
from test_formulate_charging import city, model_of
from test_formulate_hydrogen import question as hydrogen_of
from test_formulate_testroads import every_plan
from test_formulate_testroads import question as roads_of
from tiny import write_model
from typer.testing import CliRunner

from siting.cli import app
from siting.core.building.solve import solve_building
from siting.core.conflict import sizing as of_sizing
from siting.core.conflict.analyse import Conflict, Range, analyse
from siting.core.conflict.building import KnownPlan
from siting.core.conflict.locks import locked_sizing
from siting.core.conflict.task import analysed, weigher
from siting.core.solve import solve
from siting.errors import InfeasibleError
from siting.explain.answering import Explanation, explain, write_explanation
from siting.explain.arithmetic import cheapest_cny
from siting.explain.charging import sizing_puzzle
from siting.explain.locked import locked_parts
from siting.explain.others import hydrogen_puzzle, road_puzzle, roadside_puzzle
from siting.explain.page import explain_page
from siting.explain.parts import Part, amount_text
from siting.explain.record import record_of
from siting.explain.sentences import (
    collision_text,
    relaxation_lines,
    sentences,
    steps_out,
)
from siting.explain.telling import Collision, Explained, Lack, explained
from siting.formulate.charging import business_rows, charging_programme
from siting.formulate.clauses import Question
from siting.model.locks import Lock
from siting.model.model import Target
from siting.piles import pile_table
from siting.pipeline import plan
from siting.structures import Sizing

if TYPE_CHECKING:
    from pathlib import Path

    from siting.core.building.solve import BuildingResult
    from siting.explain.parts import Puzzle
    from siting.model.model import Model
    from siting.structures import Building

DISTRICTS = {"370102": ("历下区", "Lixia"), "370103": ("市中区", "Shizhong")}
WHOLE: dict[str, Any] = {"model": "<m>", "title_zh": "", "title_en": "", "notes": []}
"""An explanation without its programmes."""
FIXED = 50_000.0
"""Cost of a new site of the hand-made city, CNY."""


def charging(model: Model, *, seed: int = 3) -> Puzzle:
    """Write of eight sites in a hand-made city, one of which exists; two piles and more at each."""
    candidates, demand, reach = city(8, 10, seed)
    free = model.model_copy(update={"locks": ()})
    sizing = charging_programme(candidates, demand, reach, free).structure
    types = pile_table(model.charging)
    rows = business_rows(Question(model, candidates, demand, types))
    ids = candidates.frame["site_id"].to_numpy(dtype=object)
    locked = locked_parts(model.locks, ("charging",), ids)
    return sizing_puzzle(rows, sizing, DISTRICTS, locked, list(types["type_id"]))  # type: ignore[arg-type]


def told(puzzle: Puzzle) -> Explained:
    analysis = analysed(puzzle.case, seconds=20.0, memory_mb=2000.0)
    return explained(puzzle, analysis, 0.0)


def target(measure: str, at_least: float, clause: str = "") -> Target:
    return Target.model_validate({"measure": measure, "at_least": at_least, "clause": clause})


def members(found: Explained) -> list[set[str]]:
    return [{lack.part.key for lack in one.members} for one in found.conflicts]


def test_a_budget_short_by_a_known_amount_names_the_clauses_and_the_least_that_works() -> None:
    """Six stations: one exists, five are new with two piles each, slow ones where they may be."""
    candidates, _, _ = city(8, 10, 3)
    slow = candidates.allowed[:, 0] & ~candidates.frame["existing"].to_numpy()
    cheap, fast = pile_table(model_of().charging)["cost_cny"].to_numpy(dtype=float)
    cost = np.where(slow, FIXED + 2 * cheap, FIXED + 2 * fast)
    new = np.sort(cost[~candidates.frame["existing"].to_numpy()])[:5].sum()
    least = float(new + 2 * cheap)
    model = model_of(target("stations", 6, "JN23-06"), budget=least - 30_000.0)
    found = told(charging(model))
    assert found.verdict == "infeasible"
    assert members(found) == [{"c8_budget", "c9_stations"}]
    assert found.conflicts[0].smallest
    assert found.budget is not None
    assert found.budget.high_cny == pytest.approx(least, abs=1.0)
    assert found.budget.closed
    enough = model_of(target("stations", 6), budget=math.ceil(found.budget.high_cny))
    assert told(charging(enough)).verdict == "feasible"
    less = model_of(target("stations", 6), budget=0.99 * found.budget.high_cny)
    assert told(charging(less)).verdict == "infeasible"
    by_key = {lack.part.key: lack for lack in found.conflicts[0].members}
    assert by_key["c8_budget"].high == pytest.approx(30_000.0, abs=1.0)
    assert by_key["c9_stations"].low == by_key["c9_stations"].high == 1.0


def test_the_smallest_relative_step_is_ranked_first() -> None:
    found = told(charging(model_of(target("stations", 6), budget=250_000.0)))
    shares = [lack.share for lack in found.conflicts[0].members]
    assert shares == sorted(shares)
    assert len(shares) > 1


def test_a_district_with_fewer_sites_than_its_floor_is_named_with_its_number() -> None:
    candidates, _, _ = city(8, 10, 3)
    here = candidates.frame["district_id"].value_counts()
    few = str(here.idxmin())
    asked = int(here.min()) + 2
    puzzle = charging(model_of(target("district_stations", asked, "ZB21-32"), budget=None))
    key = f"c13_stations_{few}"
    fact = next(en for _, en in puzzle.facts if DISTRICTS[few][1] in en)
    assert f"{asked} stations asked for" in fact
    assert f"hold at most {here.min()} stations" in fact
    found = told(puzzle)
    assert {key} in members(found)
    one = next(c for c in found.conflicts if c.members[0].part.key == key)
    assert one.members[0].high == one.members[0].low == 2.0
    assert any("ZB21-32" in line and DISTRICTS[few][0] in line for line in sentences(found, "zh"))


def test_two_clauses_that_collide_without_a_budget_are_both_named() -> None:
    """As many piles as land and grid hold are mostly slow: they can't be fast as well."""
    candidates, _, _ = city(8, 10, 3)
    limit, most = (candidates.frame[name].to_numpy() for name in ("kw_limit", "max_piles"))
    fast = np.minimum(most, np.floor(limit / (0.65 * 120)))
    slow = np.minimum(most, np.floor(limit / (0.65 * 7)))
    every = float(np.where(candidates.allowed[:, 0], slow, fast).sum())
    assert fast.sum() < 0.95 * every
    both = target("piles", every, "JN23-07"), target("dc_share", 0.95, "JN23-28")
    model = model_of(*both, budget=None)
    found = told(charging(model))
    assert found.verdict == "infeasible"
    assert members(found) == [{"c10_piles", "c11_dc_share"}]
    assert found.budget is None
    text = " ".join(sentences(found, "en"))
    assert "JN23-07" in text
    assert "JN23-28" in text


def test_a_target_above_all_candidates_is_told_before_any_solver() -> None:
    puzzle = charging(model_of(target("piles", 9_999, "JN23-07"), budget=None))
    candidates, _, _ = city(8, 10, 3)
    most = int(candidates.frame["max_piles"].sum())
    zh, en = puzzle.facts[0]
    assert "9,999" in zh
    assert "JN23-07" in en
    assert f"{int(re.findall(r'at most ([0-9,]+)', en)[0].replace(',', ''))}" == str(most)


def test_a_budget_below_the_cheapest_piles_is_told_before_any_solver() -> None:
    puzzle = charging(model_of(target("piles", 40, "JN23-07"), budget=60_000.0))
    assert any("the budget is" in en and "40 piles" in en for _, en in puzzle.facts)
    assert not charging(model_of(target("piles", 40), budget=9e8)).facts


def test_the_cheapest_way_takes_the_cheapest_offers_first() -> None:
    gain, cost = np.array([3.0, 2.0, 5.0]), np.array([4.0, 1.0, 9.0])
    assert cheapest_cny(gain, cost, 6.0) == 2 * 1 + 3 * 4 + 1 * 9


SIZED = Lock(what="size", ids=("node/2",), piles_by_type={"ac7": 3, "dc120": 1}, origin="row 4")
FIXED_SITE = Lock(what="fix", ids=("node/4",), origin="row 1")
BANNED = Lock(what="ban", ids=("node/2", "node/3", "node/5"), name="绿地", origin="row 2")
COUNTED = Lock(what="size", ids=("node/5",), piles=3, origin="row 3")


@pytest.mark.parametrize("lock", [SIZED, FIXED_SITE, BANNED, COUNTED])
def test_a_lock_laid_on_the_arrays_is_the_lock_of_the_formulation(lock: Lock) -> None:
    model = model_of(target("stations", 4), budget=1.2e6).model_copy(update={"locks": (lock,)})
    candidates, demand, reach = city(8, 10, 3)
    asked = charging_programme(candidates, demand, reach, model).structure
    puzzle = charging(model)
    free = puzzle.case.instance
    assert isinstance(free, Sizing)
    mine = locked_sizing(free, puzzle.case.locks)
    for name in ("min_piles", "max_piles", "forced", "least_use", "allowed", "kept", "fixed_cny"):
        assert np.array_equal(getattr(mine, name), getattr(asked, name)), name


@pytest.mark.parametrize("locks", [(SIZED, FIXED_SITE), (BANNED,), (COUNTED, FIXED_SITE)])
def test_the_least_budget_with_locks_is_that_of_the_programme_that_has_them(
    locks: tuple[Lock, ...],
) -> None:
    model = model_of(target("stations", 4), budget=1e5).model_copy(update={"locks": locks})
    found = told(charging(model))
    assert found.verdict == "infeasible"
    assert found.budget is not None
    candidates, demand, reach = city(8, 10, 3)

    def status(budget: float) -> str:
        rich = model.charging.model_copy(update={"budget_cny": budget})
        asked = model.model_copy(update={"charging": rich})
        programme = charging_programme(candidates, demand, reach, asked)
        return solve(programme, gap=1.0, seconds=20, memory_mb=2000).status

    assert status(math.ceil(found.budget.high_cny)) != "infeasible"
    assert status(0.99 * found.budget.high_cny) == "infeasible"


@pytest.mark.parametrize("small", [0, of_sizing.SMALL])
def test_a_lock_is_a_member_of_the_conflict_and_lifting_it_a_step_out(
    small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight sites, three of them banned: six stations are one too many, whatever they cost."""
    model = model_of(target("stations", 6, "JN23-06"), budget=9e6)
    model = model.model_copy(update={"locks": (FIXED_SITE, BANNED)})
    monkeypatch.setattr(of_sizing, "SMALL", small)
    puzzle = charging(model)
    analysis = analyse(puzzle.case.parts, weigher(puzzle.case, 20.0, 0)[0])
    found = explained(puzzle, analysis, 0.0)
    assert found.verdict == "infeasible"
    assert members(found) == [{"c9_stations", "lock_2"}]
    by_key = {lack.part.key: lack for lack in found.conflicts[0].members}
    assert by_key["lock_2"].high > 0
    assert by_key["c9_stations"].low == 1.0
    zh, en = " ".join(sentences(found, "zh")), " ".join(sentences(found, "en"))
    assert "锁定 2（row 2：禁建充换电站 绿地）" in zh
    assert "lock 2 (row 2: ban charging 绿地) - a plan without it exists" in en
    free = model.model_copy(update={"locks": (FIXED_SITE,)})
    assert told(charging(free)).verdict == "feasible"


def test_a_lock_that_costs_too_much_collides_with_the_budget() -> None:
    """More fast piles than the count needs: the least budget without them is too small."""
    candidates, _, _ = city(8, 10, 3)
    site = candidates.frame.iloc[2]
    most = int(min(site.max_piles, site.kw_limit // (0.65 * 120)))
    assert most > 2
    least = told(charging(model_of(target("stations", 4), budget=1e5))).budget
    assert least is not None
    dear = Lock(what="size", ids=("node/2",), piles_by_type={"dc120": most}, origin="row 9")
    model = model_of(target("stations", 4), budget=math.ceil(least.high_cny))
    found = told(charging(model.model_copy(update={"locks": (dear,)})))
    assert found.verdict == "infeasible"
    assert {"lock_1", "c8_budget"} <= members(found)[0]


def test_locks_on_hydrogen_roadside_and_test_roads_are_members_of_their_conflicts() -> None:
    choice, reach = hydrogen_of(1, stations=3, spacing_m=0)
    ids = np.array([f"h{n}" for n in range(len(choice.cost_cny))], dtype=object)
    ban = Lock(what="ban", item="hydrogen", ids=tuple(ids[2:]), origin="row 1")
    found = told(hydrogen_puzzle(choice, reach, 0.0, locked_parts((ban,), ("hydrogen",), ids)))
    assert members(found) == [{"h3_stations", "lock_1"}]
    building = town(2, sites=12, target_km2=0.5, reach=1.3)
    ids = np.array([f"r{n}" for n in range(len(building.cost))], dtype=object)
    ban = Lock(what="ban", item="roadside", ids=tuple(ids), origin="row 1")
    fix = Lock(what="fix", item="roadside", ids=(str(ids[0]),), origin="row 2")
    bare = replace(building, forced=np.zeros(len(ids), dtype=bool))
    locked = locked_parts((ban,), ("roadside",), ids)
    assert members(told(roadside_puzzle(bare, "", locked))) == [{"r2_area", "lock_1"}]
    locked = locked_parts((fix,), ("roadside",), ids)
    poor = replace(bare, target_km2=0.0, budget_cny=0.5 * float(bare.cost[0]))
    assert members(told(roadside_puzzle(poor, "", locked))) == [{"r8_budget", "lock_1"}]
    roads = roads_of(3, edges=8)
    ids = np.array([f"c{n}" for n in range(len(roads.length_m))], dtype=object)
    ban = Lock(what="ban", item="test_road", ids=tuple(ids), origin="row 1")
    bare_roads = replace(roads, forced=np.zeros(len(ids), dtype=bool), rows=())
    found = told(road_puzzle(bare_roads, locked=locked_parts((ban,), ("test_road",), ids)))
    assert members(found) == [{"t2_length", "lock_1"}]


def test_a_feasible_model_has_slack_and_prices_and_no_conflict() -> None:
    found = told(charging(model_of(target("stations", 4), budget=3e6)))
    assert found.verdict == "feasible"
    assert found.conflicts == ()
    by_key = {one.part.key: one for one in found.slacks}
    assert by_key["c9_stations"].slack >= 0
    assert by_key["c9_stations"].cny_per_unit > 0
    assert any("multiplier" in line for line in sentences(found, "en"))


def test_hydrogen_stations_collide_with_their_spacing_or_their_money() -> None:
    choice, reach = hydrogen_of(1, stations=7, spacing_m=450)
    found = told(hydrogen_puzzle(choice, reach, 450.0))
    assert members(found) == [{"h3_stations", "h5_spacing"}]
    choice, reach = hydrogen_of(1, stations=3, spacing_m=0, budget_cny=12e6)
    found = told(hydrogen_puzzle(choice, reach, 0.0))
    least = float(np.sort(choice.cost_cny)[:3].sum())
    assert members(found) == [{"h3_stations", "h4_budget"}]
    assert found.facts
    assert found.budget is not None
    assert found.budget.high_cny == pytest.approx(least, rel=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_test_roads_are_possible_exactly_where_some_choice_is(seed: int) -> None:
    choice = roads_of(seed, edges=8)
    possible = bool(every_plan(choice))
    found = told(road_puzzle(choice))
    assert (found.verdict == "feasible") == possible
    assert (found.verdict == "infeasible") != possible


def test_test_roads_longer_than_all_roads_are_short_by_the_difference() -> None:
    choice = roads_of(3, edges=8)
    free = replace(choice, most_m=1e9)
    longest = max(choice.length_m[chosen].sum() for chosen in every_plan(free))
    asked = replace(choice, least_m=longest + 700.0, most_m=longest + 1700.0)
    found = told(road_puzzle(asked))
    assert found.verdict == "infeasible"
    lack = next(
        lack for one in found.conflicts for lack in one.members if lack.part.key == "t2_length"
    )
    assert lack.high >= lack.low > 0
    assert lack.part.unit == "km"


def test_built_area_beyond_the_money_and_beyond_the_map() -> None:
    building = town(2, sites=12, target_km2=0.5, reach=1.3)
    free = told(roadside_puzzle(building, "QD25-01"))
    assert free.verdict == "feasible"
    poor = told(roadside_puzzle(replace(building, budget_cny=3.0), "QD25-01"))
    assert members(poor) == [{"r2_area", "r8_budget"}]
    assert poor.budget is not None
    assert poor.budget.closed
    works = replace(building, budget_cny=poor.budget.high_cny)
    assert told(roadside_puzzle(works, "")).verdict == "feasible"
    less = replace(building, budget_cny=0.99 * poor.budget.high_cny)
    assert told(roadside_puzzle(less, "")).verdict == "infeasible"
    area = next(lack for lack in poor.conflicts[0].members if lack.part.key == "r2_area")
    assert area.part.clause == "QD25-01"
    huge = told(roadside_puzzle(replace(building, target_km2=99.0), "QD25-01"))
    assert huge.facts
    assert members(huge) == [{"r2_area"}]


def test_a_known_plan_of_roadside_units_answers_what_a_solve_would() -> None:
    building = replace(town(2, sites=12, target_km2=0.5, reach=1.3), budget_cny=40.0)
    plain = told(roadside_puzzle(building, ""))
    solved = solve_building(replace(building, budget_cny=np.inf), gap=0.0, seconds=20)
    assert solved.equipped is not None
    known = KnownPlan(solved.equipped, solved.bound, "branch and bound")
    found = told(roadside_puzzle(building, "", known=known))
    assert found.verdict == plain.verdict == "feasible"
    assert found.budget is not None
    assert plain.budget is not None
    assert found.budget.high_cny == pytest.approx(solved.objective)
    assert found.budget.low_cny == pytest.approx(plain.budget.low_cny, rel=0.005)
    assert found.budget.proof == "branch and bound"


def test_a_known_plan_is_not_solved_again_and_not_believed_where_it_breaks_a_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    building = replace(town(2, sites=12, target_km2=0.5, reach=1.3), budget_cny=40.0)
    solved = solve_building(replace(building, budget_cny=np.inf), gap=0.0, seconds=20)
    assert solved.equipped is not None
    known = KnownPlan(solved.equipped, solved.bound, "multipliers")
    calls = []

    def counted(instance: Building, **options: Any) -> BuildingResult:
        calls.append(instance)
        return solve_building(instance, **options)

    monkeypatch.setattr("siting.core.conflict.building.solve_building", counted)
    case = roadside_puzzle(building, "", known=known).case
    found = analyse(case.parts, weigher(case, 20.0, 0)[0])
    assert found.verdict == "feasible"
    assert found.cost is not None
    assert found.cost.high == pytest.approx(solved.objective / 40)
    assert not calls
    poor = replace(building, budget_cny=0.5 * solved.objective)
    case = roadside_puzzle(poor, "", known=known).case
    assert analyse(case.parts, weigher(case, 20.0, 0)[0]).verdict == "infeasible"
    assert calls


def test_a_record_is_json_and_the_page_escapes_what_it_shows() -> None:
    puzzle = charging(model_of(target("stations", 6), budget=250_000.0))
    parts = tuple(
        replace(part, zh=f"<b>{part.zh}", en="<script>x</script>") for part in puzzle.parts
    )
    found = told(replace(puzzle, parts=parts))
    record = record_of(found)
    text = json.dumps(record, allow_nan=False)
    assert json.loads(text)["verdict"] == "infeasible"
    html = explain_page({**WHOLE, "programmes": [record]})
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "<m>" not in html


def test_many_of_one_family_are_told_in_one_line_where_none_is_a_step_out() -> None:
    def lack(key: str, family: str, high: float) -> Lack:
        zh, en = f"覆盖{key}", f"town {key} reached"
        part = Part(key, "target", "ZB21-07", zh, en, "stations", 1.0, 1.0, family=family)
        return Lack(part, 1.0, high, "multipliers", needed=high < 2)

    towns = [lack(f"t{n}", "town", math.inf) for n in range(7)]
    served = lack("served", "served", 1.5)
    one = Collision((served, *towns), "multipliers", smallest=False, alone=True)
    text = collision_text(one, "en")
    assert "town t0 reached; town t1 reached and 5 others" in text
    assert "t4" not in text
    steps = steps_out(one, "zh")
    assert len(steps) == 2
    assert "等 7 项" in steps[1]
    few = replace(one, members=(served, *towns[:4]))
    assert len(steps_out(few, "en")) == 5
    # A record has every member with a line of its own.
    assert len(relaxation_lines(one, "en")) == 8
    found = replace(told(charging(model_of(target("stations", 6)))), conflicts=(one,))
    record = record_of(found)
    assert len(record["conflicts"][0]["members"]) == 8
    html = explain_page({**WHOLE, "programmes": [record]})
    assert "单独放松其中任一项均未找到方案" in html
    assert "覆盖t4" not in html
    hopeless = replace(one, members=tuple(replace(lack, low=math.inf) for lack in towns))
    assert steps_out(hopeless, "en")[0].endswith("none of them alone is enough")


def test_a_target_that_would_have_to_give_way_by_more_than_it_asks_is_no_step_out() -> None:
    """A bound that a town's one station is worth eighteen says that it isn't enough alone."""
    puzzle = charging(model_of(target("stations", 6), budget=250_000.0))
    analysis = analysed(puzzle.case, seconds=20.0, memory_mb=2000.0)
    asks = next(n for n, part in enumerate(puzzle.parts) if part.key == "c9_stations")
    pays = next(n for n, part in enumerate(puzzle.parts) if part.key == "c8_budget")
    six = puzzle.parts[asks].asked / puzzle.parts[asks].size
    far = tuple(Range(part, 18 * six, math.inf, "multipliers") for part in (asks, pays))
    one = Conflict((asks, pays), "multipliers", (False, False), far)
    found = explained(puzzle, replace(analysis, conflicts=(one,)), 0.0)
    lacks = {lack.part.key: lack for lack in found.conflicts[0].members}
    assert math.isinf(lacks["c9_stations"].low)
    assert math.isfinite(lacks["c8_budget"].low)
    lines = relaxation_lines(found.conflicts[0], "en")
    assert [line.endswith("not enough alone") for line in lines] == [False, True]


def test_amounts_are_in_the_words_of_their_unit() -> None:
    assert amount_text(1, "stations", "en") == "1 station"
    assert amount_text(2.5, "km2", "zh") == "2.50 km²"
    assert amount_text(math.inf, "cny", "zh") == amount_text(math.nan, "km", "en")


def test_nothing_is_written_half(tmp_path: Path) -> None:
    found = Explanation("tiny", ("", ""), (), (), None, {})
    write_explanation(found, tmp_path / "one")
    assert sorted(p.name for p in (tmp_path / "one").iterdir()) == ["explain.html", "explain.json"]


@pytest.mark.slow
def test_a_whole_model_is_explained_and_its_least_budget_can_be_planned(tmp_path: Path) -> None:
    path = write_model(tmp_path, budget=2e6)
    with pytest.raises(InfeasibleError, match="budget") as error:
        plan(path, out=tmp_path / "maps")
    assert "siting explain" in str(error.value)
    found = explain(path, cache=tmp_path, out=tmp_path / "out")
    assert not found.feasible
    assert found.folder is not None
    record = json.loads((found.folder / "explain.json").read_text("utf-8"))
    budget = record["programmes"][0]["least_budget"]
    assert budget["one_percent_less_fails"]
    published = plan(
        path,
        out=tmp_path / "maps",
        overrides={"charging": {"budget_cny": math.ceil(budget["high_cny"])}},
    )
    assert published.plan.run["verified"]
    with pytest.raises(InfeasibleError):
        plan(
            path,
            out=tmp_path / "maps",
            overrides={"charging": {"budget_cny": 0.99 * budget["high_cny"]}},
        )


@pytest.mark.slow
def test_the_command_ends_with_the_code_of_its_verdict(tmp_path: Path) -> None:
    path = write_model(tmp_path, budget=2e6)
    runner = CliRunner()
    short = runner.invoke(app, ["explain", str(path), "--cache", str(tmp_path), "--zh"])
    assert short.exit_code == InfeasibleError.exit_code
    assert "不能同时成立" in short.output
    rich = ["explain", str(path), "--cache", str(tmp_path), "--budget-cny", "4e7"]
    assert runner.invoke(app, rich).exit_code == 0
