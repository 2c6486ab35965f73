"""
One charging instance through four solvers: spopt's MCLP core, CBC, HiGHS on the whole, and ours.

One JSON object a line; `--quick` for a run under a minute. Each route runs in a child process of
its own, one after another and one thread each, on the same arrays; the plans of CBC, HiGHS and our
route are checked row by row before their line is printed. `answer` says `none` where a route has
no plan in the time allowed.

spopt (MCLP) knows no piles, budget or clauses: it opens as many stations as our plan and covers
demand within the same reach. Its objective is the energy covered as if each station had no limit,
so it stands above what its stations could serve and its gap is one to its own bound. CBC reads the
whole programme as LP text. Instances are written once; reading them is not in the seconds, making
the model of a route is. `peak_mb` is the largest process of a route, its instance included.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import pickle
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pulp
from scipy.sparse import csr_array
from sizing_cases import Town, clustered

from siting.core.handover import FEASIBILITY, ArrayModel, objective_of, violation
from siting.core.highs import solve_arrays
from siting.core.lpfile import column_names, write_lp
from siting.core.sizing.part import array_model
from siting.core.sizing.solve import check_sizing, solve_sizing
from siting.programme import Columns, Programme, Rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.structures import Sizing

ROADS = Path(__file__).parents[1].parent / "shared/data/jinan/jinan_drive.osm.pbf"
QUICK = Town(200, 1000, 10, 0.5)
TOWN = Town(1000, 4000, 20, 0.5)
GAP = 0.01
ROUTES = ("siting", "highs", "cbc", "spopt")
TICK_S = 0.1
GRACE_S = 90.0
"""What a child may take beyond its limit, to read the instance and make its model."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route came to; NaN where it gives none."""

    objective: float
    bound: float
    stations: int = 0
    note: str = ""


NO_PLAN = Answer(math.nan, math.nan)


def city(roads: Path | None) -> tuple[Sizing, ArrayModel]:
    """Make the instance of a city: Jinan on real roads, or Zibo on its sample."""
    from siting.candidates.charging import charging_candidates  # noqa: PLC0415
    from siting.city.reading import read_city  # noqa: PLC0415
    from siting.core.handover import flatten  # noqa: PLC0415
    from siting.demand.cells import build_cells  # noqa: PLC0415
    from siting.demand.charging import charging_demand  # noqa: PLC0415
    from siting.formulate.charging import charging_programme  # noqa: PLC0415
    from siting.model.model import load_model  # noqa: PLC0415
    from siting.network import build_network  # noqa: PLC0415
    from siting.reach.catchment import charging_reach  # noqa: PLC0415
    from siting.reach.places import charging_places  # noqa: PLC0415

    asked = load_model("jinan", {"sources.roads": str(roads)}) if roads else load_model("zibo")
    with tempfile.TemporaryDirectory() as folder:
        read = read_city(asked, cache=Path(folder))
    model, districts, facts = read.model, read.districts, read.map
    network = build_network(facts.roads, read.crs)
    sizes = {name: getattr(model.demand, name) for name in ("urban_cell_m", "rural_cell_m")}
    cells = build_cells(network, districts, facts, **sizes)
    demand = charging_demand(network, districts, facts, model.demand, cells=cells)
    sites = charging_candidates(network, districts, facts, model.charging, cells=cells)
    reach = charging_reach(network, sites, demand, model.charging)
    places = charging_places(network, districts, facts, sites, model.charging.rules, cells=cells)
    programme = charging_programme(sites, demand, reach, model, places=places)
    assert programme.structure is not None
    return programme.structure, flatten(programme)  # type: ignore[return-value]


def siting(sizing: Sizing, seconds: float) -> Answer:
    """Solve by our route for capacitated siting."""
    found = solve_sizing(sizing, gap=GAP, seconds=seconds)
    if found.status != "solved":
        return NO_PLAN
    assert check_sizing(sizing, found) == ()  # type: ignore[arg-type]
    return Answer(found.objective, found.bound, int(found.opened.sum()))


def highs(model: ArrayModel, sites: int, seconds: float) -> Answer:
    """Solve the whole programme by HiGHS's branch and bound."""
    found = solve_arrays(model, gap=GAP, seconds=seconds)
    if found.values is None:
        return Answer(math.nan, found.bound)
    return _checked(model, sites, found.values, found.bound)


def cbc(model: ArrayModel, sites: int, seconds: float) -> Answer:
    """Solve the whole programme, as LP text, by the CBC that PuLP brings."""
    programme = _programme(model)
    with tempfile.TemporaryDirectory() as folder:
        text, answer = Path(folder) / "charging.lp", Path(folder) / "answer.txt"
        write_lp(programme, text)
        command = [pulp.PULP_CBC_CMD().path, str(text), "-timeMode", "elapsed", "-threads", "1"]
        command += [
            "-sec",
            f"{seconds:g}",
            "-ratio",
            f"{GAP:g}",
            "-solve",
            "-solution",
            str(answer),
        ]
        log = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        written = answer.read_text(encoding="utf-8").splitlines() if answer.exists() else [""]
    stated = re.search(r"(?:Upper|Lower) bound:\s+(-?[\d.e+]+)", log)
    bound = abs(float(stated[1])) if stated else math.nan
    if "infeasible" in written[0] or "no integer solution" in written[0] or not written[0]:
        return Answer(math.nan, bound, note=written[0])
    position = {name: k for k, name in enumerate(column_names(programme))}
    mixed = np.zeros(len(model.cost))
    for line in written[1:]:
        name, value = line.replace("**", "").split()[1:3]
        if name in position:
            mixed[position[name]] = float(value)
    values = np.zeros(len(model.cost))
    values[_order(model)] = mixed
    values[model.integer] = np.rint(values[model.integer])
    objective = objective_of(model, values)
    proven = bound if math.isfinite(bound) else objective * (1 + GAP)
    return _checked(model, sites, values, proven, written[0])


def spopt(sizing: Sizing, stations: int, seconds: float) -> Answer:
    """Solve the covering core by spopt, which takes a dense matrix of costs, and HiGHS."""
    from spopt.locate import MCLP  # noqa: PLC0415

    far = np.ones((len(sizing.demand_kwh), len(sizing.fixed_cny)), dtype=np.float32)
    far[sizing.point, sizing.site] = 0.0
    model = MCLP.from_cost_matrix(far, sizing.demand_kwh, 0.5, p_facilities=stations)
    solver = pulp.HiGHS(msg=False, threads=1, timeLimit=seconds, gapRel=GAP)
    model = model.solve(solver, results=False)
    info = model.problem.solverModel.getInfo()
    chosen = np.array([variable.value() or 0.0 for variable in model.fac_vars]) > 0.5  # noqa: PLR2004
    if not chosen.any():
        return Answer(math.nan, abs(info.mip_dual_bound))
    hit = np.zeros(len(sizing.demand_kwh), dtype=bool)
    hit[sizing.point[chosen[sizing.site]]] = True
    note = "covers without piles, budget or clauses"
    return Answer(
        float(sizing.demand_kwh[hit].sum()), abs(info.mip_dual_bound), int(chosen.sum()), note
    )


def _order(model: ArrayModel) -> npt.NDArray[np.int64]:
    """Columns with the integer ones first, as `_programme` has them."""
    return np.concatenate([np.flatnonzero(model.integer), np.flatnonzero(~model.integer)])


def _programme(model: ArrayModel) -> Programme:
    """Write arrays as a programme of two blocks, whole numbers and energies."""
    blocks, terms = [], {}
    for name, chosen in (("whole", model.integer), ("serve", ~model.integer)):
        block = Columns(
            name, model.lower[chosen], model.upper[chosen], model.cost[chosen], name == "whole"
        )
        blocks.append(block)
        terms[name] = csr_array(model.matrix[:, np.flatnonzero(chosen)])
    rows = Rows("row", model.row_lower, model.row_upper, terms)
    sense = pulp.LpMaximize if model.maximise else pulp.LpMinimize
    return Programme("charging", pulp.LpProblem("charging", sense), (), tuple(blocks), (rows,))


def _checked(
    model: ArrayModel, sites: int, values: npt.NDArray[np.float64], bound: float, note: str = ""
) -> Answer:
    """Recompute a plan's objective after trying every row."""
    worst, row = violation(model, values)
    if worst > 100 * FEASIBILITY:
        return Answer(math.nan, bound, note=f"its plan breaks {row} by {worst:.2g}")
    stations = int(np.rint(values[:sites]).sum())
    return Answer(objective_of(model, values), bound, stations, note)


def run(case: str, route: str, instance: Path, seconds: float, stations: int) -> dict[str, object]:
    """Solve one instance by one route in this process."""
    sizing, model = pickle.loads(instance.read_bytes())  # noqa: S301
    sites = len(sizing.fixed_cny)
    started = time.monotonic()
    if route == "siting":
        answer = siting(sizing, seconds)
    elif route == "spopt":
        answer = spopt(sizing, stations, seconds)
    else:
        answer = (highs if route == "highs" else cbc)(model, sites, seconds)
    gap = (answer.bound - answer.objective) / max(abs(answer.objective), 1e-9)
    return {
        "case": case, "route": route, "seconds": round(time.monotonic() - started, 1),
        "objective": _number(answer.objective),
        "bound": _number(answer.bound), "gap": _number(gap), "stations": answer.stations,
        "answer": "plan" if math.isfinite(answer.objective) else "none",
        "gap_asked": GAP, "seconds_allowed": seconds, "note": answer.note,
    }  # fmt: skip


def _number(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None


def _child(
    case: str, route: str, instance: Path, seconds: float, stations: int
) -> dict[str, object]:
    """Run a route in a child and say what became of it, whatever that was."""
    command = [sys.executable, str(Path(__file__)), "--here", str(instance), "--case", case]
    command += ["--route", route, "--seconds", f"{seconds:g}", "--stations", str(stations)]
    line = {"case": case, "route": route, "answer": "none", "seconds_allowed": seconds}
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile("w+") as wrong:
        child = psutil.Popen(command, stdout=told, stderr=wrong, text=True)
        ended, peak = _watch(child, seconds + GRACE_S)
        told.seek(0)
        wrong.seek(0)
        said, complaint = told.read().strip().splitlines(), wrong.read().strip().splitlines()
    if not ended:
        return {**line, "seconds": seconds + GRACE_S, "peak_mb": peak, "note": "ended from outside"}
    if child.returncode or not said:
        return {**line, "peak_mb": peak, "note": f"failed: {complaint[-1:]}"}
    found: dict[str, object] = json.loads(said[-1])
    return {**found, "peak_mb": peak}


def _watch(child: psutil.Popen, seconds: float) -> tuple[bool, int]:
    """Wait for a child; whether it ended in time, and the largest process seen, MB."""
    deadline, peak = time.monotonic() + seconds, 0
    while child.poll() is None:
        family = [child]
        with contextlib.suppress(psutil.Error):
            family += child.children(recursive=True)
        for process in family:
            with contextlib.suppress(psutil.Error):
                peak = max(peak, process.memory_info().rss)
        if time.monotonic() > deadline:
            for process in reversed(family):
                with contextlib.suppress(psutil.Error):
                    process.kill()
            child.wait()
            return False, round(peak / 2**20)
        time.sleep(TICK_S)
    return True, round(peak / 2**20)


def _instances(*, quick: bool) -> dict[str, tuple[Sizing, ArrayModel]]:
    """Make the instances: a small town, or a city and a larger town."""
    towns = [QUICK] if quick else [TOWN]
    made = {f"{t.sites:,} x {t.cells:,} x {t.arcs}": clustered(t) for t in towns}
    both = {name: (sizing, array_model(sizing, saving=0.0)) for name, sizing in made.items()}
    if quick:
        return both
    roads = ROADS if ROADS.exists() else None
    name = "central Jinan, real roads" if roads else "Zibo, sample city"
    return {name: city(roads), **both}


def main() -> None:
    """Make the instances and run every route on each, our own first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small town, under a minute")
    parser.add_argument("--seconds", type=float, help="allowed to each route")
    parser.add_argument("--route", choices=ROUTES, help=argparse.SUPPRESS)
    for hidden, kind in (("--here", Path), ("--case", str), ("--stations", int)):
        parser.add_argument(hidden, type=kind, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    seconds = asked.seconds or (10.0 if asked.quick else 60.0)
    if asked.here:
        print(json.dumps(run(asked.case, asked.route, asked.here, seconds, asked.stations)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for case, instance in _instances(quick=asked.quick).items():
            file = Path(folder) / "instance.pickle"
            file.write_bytes(pickle.dumps(instance))
            stations = len(instance[0].fixed_cny) // 10
            for route in ROUTES:
                line = _child(case, route, file, seconds, stations)
                if route == "siting":
                    stations = int(str(line.get("stations") or stations))
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
