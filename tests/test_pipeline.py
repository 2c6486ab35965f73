"""The whole line on a tiny town."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
from tiny import HOSTILE, write_model

from siting.errors import InfeasibleError, VerificationError
from siting.pipeline import check, pass_only_verified, plan, verify
from siting.store.runs import read_run

if TYPE_CHECKING:
    from siting.clock import Event
    from siting.pipeline import Published

ROOT = Path(__file__).parents[1]


def test_run_folder_holds_map_layers_and_record(published: Published) -> None:
    names = sorted(path.name for path in published.folder.iterdir())
    assert names == [
        *("evidence.npz", "index.html", "plan.gpkg"),
        *("report.html", "run.json", "tables.xlsx"),
    ]
    latest = published.folder.parent / "tiny-latest"
    assert latest.resolve() == published.folder.resolve()


def test_run_record_follows_its_schema(published: Published) -> None:
    run = json.loads((published.folder / "run.json").read_text(encoding="utf-8"))
    schema = json.loads((ROOT / "docs/run.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(run, schema)
    assert run["verified"] is True
    assert run["gap"] <= 0.02


def test_targets_are_met_and_numbers_agree(published: Published) -> None:
    back = read_run(published.folder)
    totals = back.run["totals"]
    assert totals["stations"] == len(back.stations) >= 8
    assert totals["piles"] == back.stations.piles.sum() >= 60
    assert totals["cost_cny"] == back.stations.cost_cny.sum() <= 4e7 + len(back.stations)
    assert set(back.clauses.status) == {"met"}
    assert all(finding.ok for finding in verify(published.folder))


def test_hostile_names_survive_as_text(published: Published) -> None:
    names = read_run(published.folder).candidates.name
    assert HOSTILE in set(names)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Published, list[Event]]:
    """Plan the tiny town once more, and keep what the user is told."""
    folder = tmp_path_factory.mktemp("again")
    events: list[Event] = []
    again = plan(write_model(folder), out=folder / "maps", report=events.append)
    return again, events


def test_same_question_gives_the_same_plan(
    published: Published, told: tuple[Published, list[Event]]
) -> None:
    again, _ = told
    first, second = published.plan.stations, again.plan.stations
    assert first.drop(columns="geometry").equals(second.drop(columns="geometry"))
    assert published.plan.catchments.equals(again.plan.catchments)


def test_impossible_targets_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    model = write_model(tmp_path, budget=1e5)
    with pytest.raises(InfeasibleError) as caught:
        plan(model, out=tmp_path / "maps")
    assert "budget" in str(caught.value).lower()
    left = [path.name for path in (tmp_path / "maps").glob("*")]
    assert left in ([], [".cache"])


def test_a_plan_that_fails_the_checker_is_not_passed_on(published: Published) -> None:
    wrong = replace(
        published.plan,
        stations=published.plan.stations.assign(piles=published.plan.stations.piles + 1),
    )
    with pytest.raises(VerificationError, match="piles"):
        pass_only_verified(wrong)


def test_the_user_is_told_each_stage_and_the_gap(told: tuple[Published, list[Event]]) -> None:
    _, events = told
    stages = list(dict.fromkeys(event.stage for event in events))
    assert stages == ["read", "network", "reach", "solve", "check", "publish"]
    assert any(event.trace is not None for event in events)


def test_check_names_what_is_asked_and_what_is_unsourced(tmp_path: Path) -> None:
    text = "\n".join(check(write_model(tmp_path)).lines)
    assert "stations >= 8" in text
    assert "unsourced" in text
