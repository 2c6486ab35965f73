"""Hold the objective, the bound and the evidence of the test roads to the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from siting.verify.finding import Finding, none, same
from siting.verify.locks import locked
from siting.verify.roadbound import roads_bound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from siting.plan import Plan

    Arrays = Mapping[str, npt.NDArray[Any]]
    Floats = npt.NDArray[np.float64]
    Settings = Mapping[str, Any]
    Row = tuple[Floats, float, float]

PREFIX = "testroads/"
"""What the names of the evidence begin with."""
BY_BRANCHES = "branch and bound"
TOLERANCE = 1e-6


def road_proof_findings(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Recompute objective, gap and bound; hold the arrays behind the bound to the layers."""
    record, roads = plan.run["testroads"], plan.test_roads
    score = {
        "value": float(roads.points.sum()),
        "cost": float(roads.cost_cny.sum()),
        "length": float(roads.length_m.sum()) / 1000,
    }[settings["objective"]]
    yield same("test roads: objective", float(record["objective"]), score, TOLERANCE)
    bound = float(record["bound"])
    beyond = bound - score if settings["objective"] == "cost" else score - bound
    ok = beyond <= TOLERANCE * max(1.0, abs(score))
    yield Finding("test roads: bound is beyond the plan", ok, f"{bound:.6g}", f"{score:.6g}")
    gap = abs(bound - score) / max(abs(score), 1e-9)
    yield same("test roads: gap", float(record["gap"]), gap, 1e-4)
    arrays = {
        name.removeprefix(PREFIX): values
        for name, values in plan.evidence.items()
        if name.startswith(PREFIX)
    }
    if not arrays:
        proven = record["status"] == "optimal" and BY_BRANCHES not in record["message"]
        yield Finding("test roads: evidence of the bound", not proven, record["route"], "none kept")
        return
    yield from _check_arrays(plan, settings, arrays)
    yield from _check_rows(plan, settings, arrays)
    yield _check_bound(settings, record, arrays, score)


def _check_bound(settings: Settings, record: Mapping[str, Any], a: Arrays, score: float) -> Finding:
    """Turn the bound of the multipliers to what the record states, and compare."""
    found, claimed = roads_bound(a), float(record["bound"])
    if settings["objective"] == "cost":
        found = max(0.0, float(settings["dearest_cny_m"]) * float(a["least_m"]) - found)
        weaker, enough = found <= min(claimed, score) * (1 + 1e-9), claimed <= found + 1e-9
    else:
        weaker, enough = found >= max(claimed, score) * (1 - 1e-9), claimed >= found * (1 - 1e-9)
    if BY_BRANCHES in record["message"]:
        # The multipliers prove less than the tree: they must not contradict it.
        return Finding(
            f"test roads: multipliers allow what {BY_BRANCHES} claims",
            bool(weaker),
            f"{claimed:,.6g}",
            f"{found:,.6g}",
        )
    return Finding(
        "test roads: bound from the multipliers", bool(enough), f"{claimed:,.6g}", f"{found:,.6g}"
    )


def _prize(plan: Plan, settings: Settings) -> Floats:
    every = plan.test_road_corridors
    metres = every.length_m.to_numpy(dtype=float)
    if settings["objective"] == "value":
        return np.asarray(every.points.to_numpy(dtype=float))
    if settings["objective"] == "length":
        return np.asarray(metres / 1000)
    cost = (every.opening_cny + every.retrofit_cny).to_numpy(dtype=float)
    saved = float(settings["dearest_cny_m"]) * metres - cost
    return np.asarray(np.maximum(saved, 0.0))


def _check_arrays(plan: Plan, settings: Settings, a: Arrays) -> Iterator[Finding]:
    """Corridors, worth, anchors and limits of the evidence are those of the layers."""
    every, nodes = plan.test_road_corridors, plan.test_road_nodes
    if len(a["tail"]) != len(every):
        yield same("test roads: corridors in the evidence", len(a["tail"]), len(every))
        return
    fixed = every.corridor_id.isin(locked(plan, "test_road", "fix"))
    out = every.corridor_id.isin(locked(plan, "test_road", "ban"))
    pairs = (
        ("tail", a["tail"], every.tail_id),
        ("head", a["head"], every.head_id),
        ("length", a["length_m"], every.length_m),
        ("prize", a["prize"], _prize(plan, settings)),
        ("forced", a["forced"], (every.opened | every.section).astype(bool) | fixed),
        ("banned", a["banned"], (every.reason != "") | out),
    )
    for name, proof, layer in pairs:
        off = ~np.isclose(proof.astype(float), np.asarray(layer, dtype=float), rtol=1e-9, atol=1e-9)
        yield none(f"test roads: {name} of the evidence", every.corridor_id[off])
    anchors = set(nodes.node_id[nodes.anchor.astype(bool)])
    missing = sorted(anchors ^ set(a["anchors"].tolist()))
    yield none("test roads: anchors of the evidence", np.array(missing, dtype=object))
    for name, asked in (
        ("components", settings["components"]),
        ("least_m", settings["least_m"]),
        ("most_m", settings["most_m"]),
        ("nodes", len(nodes)),
    ):
        yield same(f"test roads: {name} of the evidence", float(a[name]), float(asked), 1e-12)


def _check_rows(plan: Plan, settings: Settings, a: Arrays) -> Iterator[Finding]:
    """Every side row of the evidence is one that the model asks for, and the plan keeps it."""
    every = plan.test_road_corridors
    names = [str(name) for name in a["row_name"]]
    shape = (len(names), len(every))
    table = csr_array(
        (a["row_edge.data"], a["row_edge.indices"], a["row_edge.indptr"]), shape=shape
    )
    chosen = every.chosen.to_numpy(dtype=bool)
    wrong, broken = [], []
    for number, name in enumerate(names):
        row = table[[number]].toarray()[0]
        lower, upper = float(a["row_lower"][number]), float(a["row_upper"][number])
        wanted = _row(plan, settings, name, row)
        known = wanted is not None and np.allclose(row, wanted[0], rtol=1e-9, atol=1e-6)
        if wanted is None or not known or lower > wanted[1] + 1e-6 or upper < wanted[2] - 1e-6:
            wrong.append(name)
        value = float(row[chosen].sum())
        scale = 1e-6 * max(1.0, float(np.abs(row[chosen]).sum()))
        if not lower - scale <= value <= upper + scale:
            broken.append(name)
    yield none("test roads: side rows that the model doesn't ask for", np.array(wrong))
    yield none("test roads: side rows that the plan breaks", np.array(broken))


def _row(plan: Plan, settings: Settings, name: str, row: Floats) -> Row | None:
    """Return coefficients, most lower and least upper bound of a side row, by its name."""
    family, _, rest = name.partition("_")
    if family == "t9":
        return _sort_row(plan, settings, rest, row)
    if family == "t10":
        return _grade_row(plan, settings, rest.removeprefix("grade_"), row)
    known = {
        "t11": _district_row,
        "t12": _tier_row,
        "t13": _scenario_row,
        "t14": _money_row,
    }
    return known[family](plan, settings, rest) if family in known else None


def _district_row(plan: Plan, settings: Settings, rest: str) -> Row | None:
    every = plan.test_road_corridors
    slow = every.low_speed.astype(bool) & (every.district_id == rest.removeprefix("low_speed_"))
    return np.where(slow, every.length_m, 0.0), 1000 * settings["low_speed_km"], np.inf


def _scenario_row(plan: Plan, settings: Settings, rest: str) -> Row | None:
    every, places = plan.test_road_corridors, plan.test_road_places
    floors = {item["id"]: item["at_least"] for item in settings["scenarios"]}
    if rest not in floors:
        return None
    mine = places.corridor_id[places.role == rest].value_counts()
    count = mine.reindex(every.corridor_id).fillna(0.0).to_numpy(dtype=float)
    return count, float(max(1, floors[rest])), np.inf


def _money_row(plan: Plan, settings: Settings, _: str) -> Row | None:
    every = plan.test_road_corridors
    cost = (every.opening_cny + every.retrofit_cny).to_numpy(dtype=float)
    return cost, -np.inf, _money(settings)


def _money(settings: Settings) -> float:
    budgets = [phase["budget_cny"] for phase in settings["phases"]]
    limits = [settings["budget_cny"]] if settings["budget_cny"] is not None else []
    if None not in budgets:
        limits.append(sum(budgets))
    return float(min(limits)) if limits else np.inf


def _sort_row(plan: Plan, settings: Settings, rest: str, row: Floats) -> Row | None:
    every = plan.test_road_corridors
    metres = every.length_m.to_numpy(dtype=float)
    kind, _, id_ = rest.partition("_")
    group = next((item for item in settings["groups"] if item["id"] == id_), None)
    if group is None:
        return None
    mine = np.where(every.highway.isin(group["classes"]), metres, 0.0)
    if kind == "least":
        return mine, max(1000 * group["at_least_km"], 1.0), np.inf
    fixed = (every.opened | every.section).to_numpy(dtype=bool)
    free = np.where(fixed, 0.0, mine)
    others = fixed | (mine <= 0)
    some = others & (metres > 1.0)
    share = float(np.max(-row[some] / metres[some], initial=0.0))
    if share < group["at_most_share"] * (1 - 1e-9):
        return None
    return free - share * metres, -np.inf, 0.0


def _grade_row(plan: Plan, settings: Settings, grade: str, row: Floats) -> Row | None:
    """Return the row of a least share; what the map can't hold is asked for in a smaller one."""
    every = plan.test_road_corridors
    metres = every.length_m.to_numpy(dtype=float)
    inside = (every.grade == grade).to_numpy()
    floors = {item["grade"]: item["at_least_share"] for item in settings["grades"]}
    most = max(floors.get(grade, 0.0), settings["grade_least_share"])
    others = ~inside & (metres > 1.0)
    share = float(np.max(-row[others] / metres[others], initial=0.0))
    if share > most * (1 + 1e-9):
        return None
    return np.where(inside, metres, 0.0) - share * metres, 0.0, np.inf


def _tier_row(plan: Plan, settings: Settings, rest: str) -> Row | None:
    every, places = plan.test_road_corridors, plan.test_road_places
    metres = every.length_m.to_numpy(dtype=float)
    if rest == "closed":
        closed = places.node_id[(places.role == "anchor") & (places.tier == "closed")]
        touching = every.tail_id.isin(closed) | every.head_id.isin(closed)
        return touching.to_numpy(dtype=float), 1.0, np.inf
    if rest == "semi_open":
        some = np.where(every.semi_open.astype(bool), metres, 0.0)
        return some, 1000 * settings["semi_open_km"], np.inf
    if rest == "expressway":
        some = np.where(every.highway == "motorway", metres, 0.0)
        return some, 1000 * settings["expressway_km"], np.inf
    return None
