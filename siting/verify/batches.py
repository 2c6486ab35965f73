"""Recompute the batches of a roadside plan: whole cells, patches, money, the sums of each year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from siting.verify.builtarea import complete_cells, lasting
from siting.verify.finding import Finding, none, same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import geopandas as gpd
    import numpy.typing as npt

    from siting.plan import Plan

    Covers = Callable[[gpd.GeoDataFrame], npt.NDArray[np.bool_]]


def batch_findings(plan: Plan, settings: Mapping[str, Any], covers: Covers) -> Iterator[Finding]:
    """
    Recompute what is there at the end of each batch.

    Parameters
    ----------
    plan
        The plan.
    settings
        Of the roadside part.
    covers
        Gives the road points that some sites hear.
    """
    rsus, table = plan.rsus, plan.batches
    asked = settings["batches"]
    years = [int(batch["year"]) for batch in asked]
    stated = table.year.to_numpy().tolist() if len(table) else []
    yield Finding("batches are the model's", stated == years, str(stated), str(years))
    outside = ~rsus.phase.between(1, len(years))
    yield none("sites belong to a batch", rsus.site_id[outside])
    if stated != years or outside.any():
        return
    for name, frame, key in (
        ("sites", rsus, "site_id"),
        ("edge nodes", plan.edge_nodes, "edge_node_id"),
    ):
        if len(frame):
            wrong = np.array(years)[frame.phase.to_numpy() - 1] != frame.year.to_numpy()
            yield none(f"years of {name}", frame[key][wrong])
    yield from _check_growth(plan, settings, covers)
    yield from _check_sums(plan, settings)


def _check_growth(plan: Plan, settings: Mapping[str, Any], covers: Covers) -> Iterator[Finding]:
    """Find the cells that count as built at the end of each batch."""
    zones, rsus = plan.zones, plan.rsus
    least, patch = int(settings["least_neighbours"]), int(settings["least_patch_cells"])
    for number in range(1, len(plan.batches) + 1):
        upto = rsus[rsus.phase <= number]
        built = lasting(plan, complete_cells(plan, covers(upto), upto.site_id), least, patch)
        claimed = (zones.built.astype(bool) & (zones.phase <= number)).to_numpy()
        yield none(f"cells built by batch {number}", zones.zone_id[claimed != built])


def _check_sums(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    rsus, nodes, zones = plan.rsus, plan.edge_nodes, plan.zones
    spent, paid = 0.0, 0.0
    for row, asked in zip(plan.batches.to_dict("records"), settings["batches"], strict=True):
        number = int(row["phase"])
        now, later = rsus[rsus.phase == number], rsus[rsus.phase <= number]
        built = zones[zones.built.astype(bool) & (zones.phase <= number)]
        new = nodes[nodes.phase == number] if len(nodes) else nodes
        cost = float(now.cost_cny.sum() + now.fibre_cny.sum())
        cost += float(new.cost_cny.sum()) if len(new) else 0.0
        if number == 1:
            cost += round(float(settings["edge_nodes"]["platform_cny"]))
        spent += cost
        found = {
            "rsus": len(now),
            "rsus_in_all": len(later),
            "edge_nodes": len(new),
            "built_zones_in_all": len(built),
            "built_area_zone_km2": float(built.area_km2.sum()),
            "cost_cny": cost,
            "cost_in_all_cny": spent,
        }
        for name, value in found.items():
            yield same(f"batch {number} {name}", float(row[name]), float(value), 1e-9)
        money = asked["budget_cny"]
        paid += float("inf") if money is None else float(money)
        # Each cost is rounded to the yuan.
        over = max(0.0, spent - paid - len(later) - len(nodes) - 1)
        yield same(f"batch {number} money spent beyond its budget", 0.0, over)
    whole = float(plan.run["totals"]["roadside_cost_cny"])
    yield same("batches add up to the roadside cost", whole, spent)
