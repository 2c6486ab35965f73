"""Locks on hydrogen stations, roadside sites, edge nodes and test roads: honoured and priced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import test_hydrogen
import test_roadside
import test_testroads

from siting.errors import LockError
from siting.lockprices import solve_item
from siting.locks.others import Grounds
from siting.model.model import load_model
from siting.pipeline import plan, prepare
from siting.store.runs import read_run
from siting.verify import failures, verify_plan

if TYPE_CHECKING:
    from pathlib import Path

    from siting.ground import Ground
    from siting.plan import Plan


def ground_of(model: Path, locks: Any = ()) -> Ground:
    found = load_model(model, {"locks": list(locks)})
    return prepare(found, out=model.parent / "maps", seconds={})


def grounds_of(ground: Ground) -> Grounds:
    return Grounds(ground.city, ground.network, ground.junctions, ground.cells, ground.candidates)


def planned(model: Path, locks: list[dict[str, Any]]) -> Plan:
    """Plan with locks, and read the run back when its own checker agrees."""
    back = read_run(plan(model, out=model.parent / "maps", overrides={"locks": locks}).folder)
    assert failures(verify_plan(back)) == ()
    assert [lock["planned"] for lock in back.run["locks"]] == [True] * len(locks)
    return back


def test_hydrogen_stations_keep_their_locks(tmp_path: Path) -> None:
    model = test_hydrogen.write_model(tmp_path)
    ground = ground_of(model)
    free = solve_item(ground, ground.city, "hydrogen")
    sites = grounds_of(ground).hydrogen.frame
    eligible = sites["site_id"][sites["reason"] == ""].tolist()
    out = sites["site_id"][~sites["reason"].isin(["", "thinned"])].tolist()
    locks = [
        {"what": "fix", "item": "hydrogen", "id": eligible[-1]},
        {"what": "ban", "item": "hydrogen", "id": eligible[0]},
    ]
    back = planned(model, locks)
    assert eligible[-1] in set(back.hydrogen["site_id"])
    assert eligible[0] not in set(back.hydrogen["site_id"])
    assert free.bound >= back.run["hydrogen"]["objective"] * (1 - 1e-9)
    many = [{"what": "fix", "item": "hydrogen", "id": id_} for id_ in (out[0], *eligible[:6])]
    with pytest.raises(LockError) as caught:
        ground_of(model, [*many, {"what": "size", "item": "hydrogen", "id": "x", "piles": 3}])
    text = "\n".join(caught.value.problems)
    assert f"{out[0]} can't be a hydrogen station" in text
    assert "hydrogen stations are fixed, and 3 are asked for" in text


def test_roadside_sites_and_edge_nodes_keep_their_locks_at_a_price(tmp_path: Path) -> None:
    model = test_roadside.write_model(tmp_path, area=4)
    free = ground_of(model)
    sites = grounds_of(free).roadside
    base = solve_item(free, free.city, "roadside")
    spare = sites.frame["site_id"][~sites.frame["mandatory"] & (sites.junction >= 0)].tolist()
    locks = [
        {"what": "size", "item": "roadside", "id": spare[0], "level": "full"},
        {"what": "fix", "item": "roadside", "id": spare[-1]},
        {"what": "ban", "item": "roadside", "id": spare[len(spare) // 2]},
        {"what": "fix", "item": "edge_node", "id": spare[-2]},
        {"what": "ban", "item": "edge_node", "id": spare[0]},
    ]
    back = planned(model, locks)
    units, nodes = back.rsus.set_index("site_id"), set(back.edge_nodes["site_id"])
    assert units.loc[spare[0], "level"] == "full"
    assert units.loc[spare[0], "lock"] == "size"
    assert spare[-1] in units.index
    assert spare[len(spare) // 2] not in units.index
    assert spare[-2] in nodes
    assert spare[-2] in units.index
    assert spare[0] not in nodes
    both = [{"what": "ban", "item": "roadside", "id": spare[1]}]
    both.append({"what": "fix", "item": "edge_node", "id": spare[1]})
    with pytest.raises(LockError, match="the roadside site there is banned"):
        ground_of(model, both)
    locked = ground_of(model, locks)
    assert solve_item(locked, locked.city, "roadside").objective >= base.bound * (1 - 1e-6)


def test_test_roads_keep_their_locks_by_id_and_by_name(tmp_path: Path) -> None:
    model = test_testroads.write_model(tmp_path)
    ground = ground_of(model)
    corridors, land = grounds_of(ground).roads
    frame = corridors.frame
    free = frame[land.usable & ~land.section & ~land.opened]
    one, road = free.iloc[0], str(free.iloc[-1]["road"])
    locks = [
        {"what": "fix", "item": "test_road", "id": str(one["corridor_id"])},
        {"what": "ban", "item": "test_road", "road": road},
    ]
    back = planned(model, locks)
    assert one["corridor_id"] in set(back.test_roads["corridor_id"])
    assert road not in set(back.test_roads["road"])
    out = frame["corridor_id"][~land.usable].iloc[0]
    fixed = frame["corridor_id"][land.section].iloc[0]
    wrong = [
        {"what": "fix", "item": "test_road", "id": str(out)},
        {"what": "ban", "item": "test_road", "id": str(fixed)},
        {"what": "fix", "item": "test_road", "road": "不存在的路"},
    ]
    with pytest.raises(LockError) as caught:
        ground_of(model, wrong)
    text = "\n".join(caught.value.problems)
    assert f"{out} can't be a test road" in text
    assert f"{fixed} is a test road already" in text
    assert "no road of that name" in text
