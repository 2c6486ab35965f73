"""Recompute which roadside sites share pole and power with a station, and what that saves."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pyproj import Geod
from scipy.optimize import linear_sum_assignment

from siting.verify.finding import Finding, none, same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from siting.plan import Plan

    Floats = npt.NDArray[np.float64]

TOLERANCE_M = 0.01
"""Distances are published to the millimetre."""
BOX = 1.2
"""Sites farther apart than this times the limit by a degree's length alone aren't measured."""


def sharing_findings(plan: Plan) -> Iterator[Finding]:
    """Measure each pair, its price, that none shares twice, the sum, and that no sum is larger."""
    rule = (plan.run["settings"].get("roadside") or {}).get("sharing")
    record = plan.run.get("sharing")
    if not rule or (record is None and "shared_station" not in plan.rsus):
        return
    record = record or {"pairs": 0, "saving_cny": 0}
    rows, worth = _worth(plan, rule)
    sites = plan.rsus.to_dict("records")
    station = {name: n for n, name in enumerate(plan.stations.site_id)}
    stated = [site for site in sites if site["shared_station"]]
    off, wrong = [], []
    for number, site in enumerate(sites):
        name, paid = site["shared_station"], int(site["shared_saving_cny"])
        if not name:
            wrong += [site["site_id"]] if paid else []
            continue
        metres, saves = rows.get((number, station.get(name, -1)), (np.inf, 0))
        off += [] if abs(metres - site["shared_m"]) <= TOLERANCE_M else [site["site_id"]]
        wrong += [] if abs(saves - paid) <= 1 and saves > 0 else [site["site_id"]]
    yield none("distance of what shares pole and power", np.array(off, dtype=object))
    yield none("saving of each shared pole and power", np.array(wrong, dtype=object))
    times = Counter(site["shared_station"] for site in stated)
    twice = [name for name, count in times.items() if count > 1]
    yield none("stations that share with two roadside sites", np.array(twice, dtype=object))
    total = sum(int(site["shared_saving_cny"]) for site in sites)
    yield same("saving of shared poles and power", float(record["saving_cny"]), float(total))
    yield same("shared poles and power", float(record["pairs"]), float(len(stated)))
    first, second = linear_sum_assignment(worth, maximize=True)
    most = float(worth[first, second].sum())
    # Each saving is rounded to the yuan.
    short = [] if total >= most - len(sites) else [f"{total:,.0f} of {most:,.0f} CNY"]
    yield none("no other pairs save more", np.array(short, dtype=object))


def _worth(
    plan: Plan, rule: Mapping[str, Any]
) -> tuple[dict[tuple[int, int], tuple[float, float]], Floats]:
    """Measure all pairs within the distance: metres and saving by rows, and savings as a matrix."""
    ends = [shapely.get_coordinates(f.geometry.to_numpy()) for f in (plan.rsus, plan.stations)]
    years = [_years(frame) for frame in (plan.rsus, plan.stations)]
    degrees = BOX * float(rule["within_m"]) / 111_000
    found: dict[tuple[int, int], tuple[float, float]] = {}
    for number, (x, y) in enumerate(ends[0].tolist()):
        wide = degrees / np.cos(np.radians(y))
        box = (np.abs(ends[1][:, 0] - x) <= wide) & (np.abs(ends[1][:, 1] - y) <= degrees)
        for row in np.flatnonzero(box).tolist():
            metres = Geod(ellps="WGS84").inv(x, y, *ends[1][row].tolist())[2]
            if metres > rule["within_m"] + TOLERANCE_M:
                continue
            power = max(0.0, rule["power_cny"] - rule["cable_cny_per_m"] * metres)
            # The pole's limit is compared as published, to the millimetre.
            pole = rule["pole_cny"] if round(metres, 3) <= rule["pole_m"] else 0.0
            saves = min(power + pole, float(plan.rsus.cost_cny.iloc[number]))
            late = years[1][row] > years[0][number]
            barred = bool(plan.rsus.reuse.iloc[number]) or late
            found[number, row] = (metres, 0.0 if barred else saves)
    rows = sorted({pair[0] for pair, (_, saves) in found.items() if saves > 0})
    columns = sorted({pair[1] for pair, (_, saves) in found.items() if saves > 0})
    worth = np.zeros((len(rows), len(columns)))
    for (a, b), (_, saves) in found.items():
        if saves > 0:
            worth[rows.index(a), columns.index(b)] = saves
    return found, worth


def _years(frame: Any) -> Floats:  # noqa: ANN401  (a layer)
    if "year" not in frame:
        return np.zeros(len(frame))
    return np.asarray(frame.year.to_numpy(dtype=float))
