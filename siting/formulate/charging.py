"""The charging programme: where stations open, how many piles of each type, and whom they serve."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pulp
from scipy.sparse import csr_array, vstack

from siting.demand.charging import SEGMENTS
from siting.errors import SolverError
from siting.formulate.clauses import (
    Question,
    Row,
    allowed_types,
    clause_rows,
    kept_rows,
    least_piles,
    least_use,
    substation_rows,
)
from siting.formulate.siterows import served_rows, site_rows, stands_rows, use_rows
from siting.model.roadside import MEASURES as ROADSIDE_MEASURES
from siting.model.testroads import MEASURES as ROAD_MEASURES
from siting.own.existing import is_dedicated, stays_open
from siting.own.locked import FREE, locked_items
from siting.piles import pile_table
from siting.programme import Columns, Programme
from siting.structures import Sizing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from siting.candidates.charging import Candidates
    from siting.core.outcome import Outcome
    from siting.demand.charging import Demand
    from siting.model.model import Model, Target
    from siting.reach.distance import Reach
    from siting.reach.places import Places
    from siting.reach.substations import Substations


@dataclass(frozen=True, slots=True)
class Decision:
    """
    A solved charging programme in the terms of its inputs.

    Attributes
    ----------
    opened
        Which candidate sites are open, bool, shape (J,).
    piles
        Piles of each type at each site, int64, shape (J, K).
    serve
        Energy a day on each arc of the reach, kWh/day, shape (A,).
    """

    opened: npt.NDArray[np.bool_]
    piles: npt.NDArray[np.int64]
    serve: npt.NDArray[np.float64]


def charging_programme(
    candidates: Candidates,
    demand: Demand,
    reach: Reach,
    model: Model,
    *,
    places: Places | None = None,
    substations: Substations | None = None,
) -> Programme:
    """
    Formulate the charging programme of a model; see `models/formulations/charging.md`.

    Variables: `open_j` and `piles_j_type` in PuLP, in this order in `Programme.variables` (all
    sites first, then row-major by site and type); the array block `serve` follows the arcs of
    `reach`.

    Parameters
    ----------
    candidates, demand, reach
        Sites, demand points, and the arcs between them.
    model
        The planning model: pile types, budget, targets.
    places
        Townships and key areas, where targets ask that they are reached.
    substations
        Substations with their head-room, where it is known.

    Returns
    -------
    Programme
        Maximise the energy served, kWh/day, with `structure` a `Sizing`.

    """
    types = pile_table(model.charging)
    question = Question(model, candidates, demand, types, places, substations)
    rows = business_rows(question)
    sizing = _sizing(question, reach, rows)
    banned = locked_items(candidates.frame["site_id"], model.locks, "charging").banned
    problem = pulp.LpProblem("charging", pulp.LpMaximize)
    opened = [
        problem.add_variable(f"open_{j}", int(must), int(may), pulp.LpInteger)
        for j, (must, may) in enumerate(zip(sizing.forced, ~banned, strict=True))
    ]
    names = list(types["type_id"])
    most = np.where(sizing.allowed, sizing.max_piles[:, None], 0)
    least = np.where(sizing.forced[:, None], sizing.kept, 0)
    piles = [
        problem.add_variable(f"piles_{j}_{name}", int(least[j, k]), int(most[j, k]), pulp.LpInteger)
        for j in range(len(opened))
        for k, name in enumerate(names)
    ]
    variables = (*opened, *piles)
    problem.setObjective(pulp.LpAffineExpression())
    clauses = {row.name: row.clause for row in rows if row.clause}
    for row in rows:
        if row.served is None:
            _add_row(problem, variables, row)
    energy = sizing.demand_kwh[sizing.point]
    serve = Columns("serve", np.zeros(len(energy)), energy, sizing.weight[sizing.point])
    stands, stand_rows = stands_rows(sizing)
    return Programme(
        name="charging",
        problem=problem,
        variables=variables,
        columns=(serve, *stands),
        rows=(*site_rows(sizing), *stand_rows, *use_rows(sizing), *served_rows(sizing, rows)),
        clauses=clauses,
        structure=sizing,
    )


def decode(programme: Programme, outcome: Outcome) -> Decision:
    """
    Read a solution back in the terms of the inputs.

    Raises
    ------
    SolverError
        Where the outcome holds no solution.
    """
    sizing = programme.structure
    if "" not in outcome.values or not isinstance(sizing, Sizing):
        raise SolverError(
            outcome.message or "no plan was found in the time given",
            where=programme.name,
            value=outcome.status,
            cure="Give it more seconds, or relax a target",
        )
    sites, types = sizing.allowed.shape
    whole = np.rint(outcome.values[""]).astype(np.int64)
    return Decision(
        opened=whole[:sites] > 0,
        piles=whole[sites:].reshape(sites, types),
        serve=np.asarray(outcome.values["serve"], dtype=float),
    )


def _sizing(question: Question, reach: Reach, rows: Sequence[Row]) -> Sizing:
    candidates, demand, model = question.candidates, question.demand, question.model
    frame, charging, types = candidates.frame, model.charging, question.types
    locked = locked_items(
        frame["site_id"], model.locks, "charging", [str(name) for name in types["type_id"]]
    )
    sized = locked.total != FREE
    least, most = least_piles(candidates, model, types), frame["max_piles"].to_numpy(dtype=np.int64)
    most = np.where(locked.banned, 0, np.where(sized, locked.total, most))
    allowed = allowed_types(candidates, model, types)
    sites, points, kinds = len(frame), len(demand.frame), len(types)
    serves = np.array([[s in str(t).split() for s in SEGMENTS] for t in types["segments"]])
    code = {name: n for n, name in enumerate(SEGMENTS)}
    none = csr_array((1, points))
    return Sizing(
        demand_kwh=demand.frame["kwh_day"].to_numpy(dtype=float),
        weight=np.ones(points),
        segment=demand.frame["segment"].astype(str).map(code).to_numpy(dtype=np.int64),
        site=reach.site.astype(np.int64),
        point=reach.demand.astype(np.int64),
        fixed_cny=question.opening_cny,
        min_piles=np.where(sized, locked.total, least).astype(np.int64),
        max_piles=most,
        kw_limit=frame["kw_limit"].fillna(np.inf).to_numpy(dtype=float),
        forced=stays_open(frame) | locked.fixed,
        allowed=np.where(locked.typed[:, None], locked.piles > 0, allowed),
        pile_kw=types["kw"].to_numpy(dtype=float),
        pile_kwh=types["kwh_day"].to_numpy(dtype=float),
        pile_cny=types["cost_cny"].to_numpy(dtype=float),
        serves=serves.reshape(kinds, len(SEGMENTS)),
        simultaneity=charging.simultaneity.value,
        least_of_type=types["least"].to_numpy(dtype=np.int64),
        # What a lock demands is built whether it is used enough or not.
        least_use=np.where(locked.fixed, 0.0, least_use(question)),
        kept=np.where(locked.typed[:, None], locked.piles, question.kept),
        row_name=tuple(row.title for row in rows),
        row_open=_stack([csr_array(row.opened[None]) for row in rows], sites),
        row_piles=_stack([csr_array(row.piles.reshape(1, -1)) for row in rows], sites * kinds),
        row_served=_stack(
            [none if row.served is None else csr_array(row.served[None]) for row in rows], points
        ),
        row_lower=np.array([row.lower for row in rows], dtype=float),
        row_upper=np.array([row.upper for row in rows], dtype=float),
    )


def _stack(rows: list[csr_array], width: int) -> csr_array:
    return csr_array(vstack(rows, format="csr")) if rows else csr_array((0, width))


def _add_row(problem: pulp.LpProblem, variables: tuple[pulp.LpVariable, ...], row: Row) -> None:
    """Add one business row by its numbered name."""
    coefficients = np.concatenate([row.opened, row.piles.ravel()])
    used = np.flatnonzero(coefficients)
    terms = pulp.LpAffineExpression([(variables[n], float(coefficients[n])) for n in used])
    upper = np.isfinite(row.upper)
    sense = pulp.LpConstraintLE if upper else pulp.LpConstraintGE
    bound = row.upper if upper else row.lower
    problem.addConstraint(pulp.LpConstraint(terms, sense, row.name, float(bound)))


def business_rows(question: Question) -> tuple[Row, ...]:
    """
    Rows (8) to (25): the budget, the model's targets in their order, and the substations.

    Parameters
    ----------
    question
        Sites, demand points, places, substations and the planning model.

    Returns
    -------
    rows
        One a target, one a district, place or substation for what is asked of each.
    """
    types, model, candidates = question.types, question.model, question.candidates
    sites, kinds = question.shape
    rows: list[Row] = []
    if model.charging.budget_cny is not None:
        paid = np.tile(types["cost_cny"].to_numpy(dtype=float), (sites, 1))
        budget = model.charging.budget_cny
        rows.append(Row("c8_budget", "budget", "", question.opening_cny, paid, -np.inf, budget))
    dc = np.asarray(types["current"] == "dc", dtype=float)
    existing = candidates.frame["existing"].to_numpy(dtype=bool)
    new = (~existing).astype(float)
    counted = np.ones(sites) if model.charging.existing_count else new
    for number, target in enumerate(model.targets):
        if target.measure in {"hydrogen_stations", *ROAD_MEASURES, *ROADSIDE_MEASURES}:
            continue
        for row in _target_rows(target, question, dc, counted):
            name = (
                row.name
                if all(row.name != other.name for other in rows)
                else f"{row.name}_{number}"
            )
            padded = row.piles if row.piles.shape == (sites, kinds) else np.zeros((sites, kinds))
            rows.append(replace(row, name=name, piles=padded))
    return (*rows, *substation_rows(question), *kept_rows(question))


def _target_rows(
    target: Target,
    question: Question,
    dc: npt.NDArray[np.float64],
    counted: npt.NDArray[np.float64],
) -> list[Row]:
    """Rows of one target; an empty `piles` stands for zeros."""
    candidates, demand = question.candidates, question.demand
    least, clause, measure = target.at_least, target.clause, target.measure
    empty, no_piles = np.zeros(len(counted)), np.zeros(0)
    kwh = demand.frame["kwh_day"].to_numpy(dtype=float)
    one, one_site = np.ones(len(kwh)), np.ones(len(counted))
    if measure in {"stations", "piles"}:
        return [_count_row(target, question, counted)]
    if measure == "dc_share":
        opened, share = _counted_piles(question, dc - least, one_site)
        return [Row("c11_dc_share", "share of fast piles", clause, opened, share, 0.0)]
    if measure == "service_areas":
        areas = (candidates.frame["kind"] == "service_area").to_numpy(dtype=float)
        floor = float(np.ceil(least * areas.sum() - 1e-9))
        return [Row("c12_service_areas", "service areas", clause, areas, no_piles, floor)]
    if measure == "served_share":
        floor = least * kwh.sum()
        return [Row("c14_served", "demand served", clause, empty, no_piles, floor, served=one)]
    if measure.startswith("district_"):
        return _district_rows(target, candidates, demand, counted)
    return clause_rows(target, question)


def _count_row(target: Target, question: Question, counted: npt.NDArray[np.float64]) -> Row:
    """Row (9) or (10), by the readings of station, pile and public."""
    readings, least = question.model.charging.readings, target.at_least
    if target.measure == "stations":
        swap = readings.swap_stations.value if readings.station == "charging_and_swap" else 0.0
        rest = max(0.0, least - swap)
        return Row("c9_stations", "stations", target.clause, counted, np.zeros(0), rest)
    dedicated = is_dedicated(question.candidates.frame, readings.dedicated_kinds)
    public = np.where(dedicated & (readings.access == "public"), 0.0, 1.0)
    guns = question.types["guns"].to_numpy(dtype=float)
    each = guns if readings.pile == "gun" else np.ones(len(guns))
    opened, piles = _counted_piles(question, each, public)
    return Row("c10_piles", "piles", target.clause, opened, piles, least)


def _counted_piles(
    question: Question, each: npt.NDArray[np.float64], sites: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """
    Coefficients of piles that count, each by its type, at sites by their weight.

    Where stations in operation don't count, piles that are added to what they have do; where it
    isn't known what they have, those that the plan puts there stand for it and don't.
    """
    kept = question.kept
    piles = np.outer(sites, each)
    if question.model.charging.existing_count:
        return np.zeros(len(kept)), piles
    existing = question.candidates.frame["existing"].to_numpy(dtype=bool)
    unknown = existing & (kept.sum(axis=1) == 0)
    piles = np.where(unknown[:, None], 0.0, piles)
    return np.asarray(-(piles * kept).sum(axis=1)), piles


def _district_rows(
    target: Target, candidates: Candidates, demand: Demand, counted: npt.NDArray[np.float64]
) -> list[Row]:
    """Rows (13) or (15), one a district."""
    site_district = candidates.frame["district_id"].astype(str).to_numpy()
    point_district = demand.frame["district_id"].astype(str).to_numpy()
    kwh = demand.frame["kwh_day"].to_numpy(dtype=float)
    empty, no_piles = np.zeros(len(counted)), np.zeros(0)
    rows = []
    for district in sorted({*site_district, *point_district}):
        if target.measure == "district_stations":
            inside = counted * (site_district == district)
            name, title = f"c13_stations_{district}", f"stations in {district}"
            rows.append(Row(name, title, target.clause, inside, no_piles, target.at_least))
            continue
        here = (point_district == district).astype(float)
        asked = float(kwh @ here)
        if asked > 0:
            name, title = f"c15_served_{district}", f"demand served in {district}"
            floor = target.at_least * asked
            rows.append(Row(name, title, target.clause, empty, no_piles, floor, served=here))
    return rows
