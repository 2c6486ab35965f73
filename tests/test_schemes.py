"""Schemes differ as asked, serve nearly as much, and hold like any plan."""

from __future__ import annotations

import json
from itertools import combinations
from typing import TYPE_CHECKING

import alltown
import numpy as np
import pytest
from tiny import write_model

from siting.errors import ModelError
from siting.model.model import Target, load_model
from siting.pipeline import prepare, verify
from siting.schemes.choosing import choose_schemes
from siting.schemes.publishing import schemes
from siting.store.runs import read_run
from siting.structures import Sizing
from siting.verify import failures

if TYPE_CHECKING:
    from pathlib import Path

    from siting.schemes.publishing import Schemes

pytestmark = pytest.mark.slow
SMALL = {"charging": {"budget_cny": 3e6}}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Schemes:
    folder = tmp_path_factory.mktemp("schemes")
    model = write_model(folder)
    return schemes(model, out=folder / "maps", number=3, within=0.2, differ=0.5, overrides=SMALL)


def test_every_scheme_leaves_out_what_was_asked_of_every_earlier_one(found: Schemes) -> None:
    chosen = found.choice.schemes
    assert len(chosen) == 3, found.choice.ending
    sizing = chosen[0].programme.structure
    assert isinstance(sizing, Sizing)
    for one, other in combinations(chosen, 2):
        free = one.decision.opened & ~sizing.forced
        assert (free & other.decision.opened).sum() <= 0.5 * free.sum()


def test_every_scheme_serves_nearly_as_much_as_the_best(found: Schemes) -> None:
    best = max(one.outcome.objective for one in found.choice.schemes)
    for one in found.choice.schemes:
        assert one.outcome.objective >= 0.8 * best
        assert one.outcome.bound >= one.outcome.objective
        assert one.of_best == pytest.approx(one.outcome.objective / best)
    assert max(one.of_best for one in found.choice.schemes) == 1.0


def test_every_scheme_is_a_run_that_holds_and_they_are_compared(found: Schemes) -> None:
    for folder in found.runs:
        assert all(finding.ok for finding in verify(folder))
    assert (found.folder / "compare" / "compare.html").is_file()
    record = json.loads((found.folder / "schemes.json").read_text(encoding="utf-8"))
    assert [row["scheme"] for row in record["schemes"]] == ["A", "B", "C"]


def test_the_overlap_is_that_of_the_published_layers(found: Schemes) -> None:
    sites = [set(read_run(folder).stations["site_id"]) for folder in found.runs]
    for (n, one), (m, other) in combinations(enumerate(sites), 2):
        assert found.overlap[n, m] == pytest.approx(len(one & other) / len(one | other))
    assert np.all(found.overlap[~np.eye(3, dtype=bool)] < 1)


def test_where_nothing_differs_enough_the_search_says_so(tmp_path: Path) -> None:
    path = write_model(tmp_path, budget=4e8)
    ground = prepare(load_model(path), out=tmp_path, seconds={})
    most = len(ground.candidates.frame)
    target = Target(measure="stations", at_least=int(0.6 * most))
    asked = ground.city.model.model_copy(update={"targets": (target,)})
    ended = choose_schemes(ground.charging, asked, number=2, within=0.5, differ=1.0)
    assert len(ended.schemes) == 1
    assert ended.ending.startswith("there is no scheme B")


def test_more_schemes_than_can_be_told_apart_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="2 to 4"):
        schemes(write_model(tmp_path), out=tmp_path, number=5)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Schemes:
    """Choose schemes of all programmes within one tight budget."""
    folder = tmp_path_factory.mktemp("whole")
    model = alltown.write_model(folder, {**alltown.BUDGET, "total_cny": 3.5e7})
    wide = {"solve": {"gap": 0.1}}
    return schemes(model, out=folder / "maps", number=2, within=0.3, differ=0.3, overrides=wide)


def test_schemes_of_one_budget_are_whole_plans_that_hold_with_their_joint_record(
    whole: Schemes,
) -> None:
    assert len(whole.runs) == 2, whole.choice.ending
    for folder in whole.runs:
        assert failures(verify(folder)) == ()
        run = read_run(folder).run
        assert run["joint"]["money"]["spent_cny"] == run["totals"]["cost_cny"] <= 3.5e7
        assert run["joint"]["bound"] >= run["joint"]["objective"]
        assert run["joint"]["years"]
        assert any("scheme" in note for note in run["notes"])


def test_schemes_of_one_budget_share_the_other_programmes_and_differ_in_stations(
    whole: Schemes,
) -> None:
    first, second = (read_run(folder) for folder in whole.runs)
    for name in ("hydrogen", "rsus", "test_roads"):
        assert len(getattr(first, name))
    assert set(first.hydrogen.site_id) == set(second.hydrogen.site_id)
    assert set(first.test_roads.corridor_id) == set(second.test_roads.corridor_id)
    taken = [run["joint"]["money"]["programmes"][1:] for run in (first.run, second.run)]
    assert taken[0] == taken[1]
    sizing = whole.choice.schemes[0].programme.structure
    assert isinstance(sizing, Sizing)
    one, other = (scheme.decision.opened for scheme in whole.choice.schemes)
    free = one & ~sizing.forced
    assert (free & other).sum() <= 0.7 * free.sum()


def test_schemes_of_one_budget_are_on_one_map_and_in_one_record(whole: Schemes) -> None:
    page = (whole.folder / "schemes.html").read_text(encoding="utf-8")
    assert '"schemes":[{"name":"B"' in page.replace(": ", ":")
    record = json.loads((whole.folder / "schemes.json").read_text(encoding="utf-8"))
    for row, folder in zip(record["schemes"], whole.runs, strict=True):
        run = read_run(folder).run
        assert row["bound_kwh_day"] == run["joint"]["bound"] >= row["served_kwh_day"]
        assert row["cost_cny"] == run["totals"]["cost_cny"] > row["charging_cost_cny"] > 0


def test_a_scheme_that_the_years_do_not_hold_ends_the_search(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    ground = prepare(load_model(path, SMALL), out=tmp_path, seconds={})
    ended = choose_schemes(
        ground.charging, ground.city.model, number=3, within=0.3, differ=0.3,
        told=lambda one: "" if one.label == "A" else "not by year",
    )  # fmt: skip
    assert len(ended.schemes) == 1
    assert ended.ending == "not by year"
