"""What leaves the house tells the same of a town with every programme, whichever file is opened."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pyogrio
import pytest
from alltown import write_model
from openpyxl import load_workbook

from siting.pipeline import plan
from siting.store.runs import GPKG
from siting.tables.headline import headline
from siting.tables.workbook import read_totals

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

    from siting.pipeline import Published

SHOWN = (
    *("stations", "piles", "hydrogen_stations", "rsus", "junctions", "edge_nodes"),
    *("built_area_zone_km2", "built_area_footprint_km2", "test_road_km"),
    *("served_kwh_day", "cost_cny"),
)
"""Figures that the town has something of: all there are."""


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Plan the town of every programme; tests only read the run."""
    folder = tmp_path_factory.mktemp("everything")
    return plan(write_model(folder), out=folder / "maps")


def _on_map(folder: Path) -> dict[str, float]:
    html = (folder / "index.html").read_text(encoding="utf-8")
    found = re.search(r'id="siting-data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    totals = dict(json.loads(found[1])["totals"])
    # The page adds the programmes up itself.
    parts = ("cost_cny", "hydrogen_cost_cny", "roadside_cost_cny", "test_road_cost_cny")
    totals["cost_cny"] = sum(totals[name] for name in parts)
    return totals


def _in_report(folder: Path) -> dict[str, float]:
    report = (folder / "report.html").read_text(encoding="utf-8")
    found = re.findall(r'data-key="(\w+)" data-value="([^"]+)"', report)
    return {key: float(value) for key, value in found}


def _in_layers(folder: Path) -> dict[str, float]:
    def layer(name: str) -> gpd.GeoDataFrame:
        return pyogrio.read_dataframe(folder / GPKG, layer=name)

    stations, rsus, nodes = layer("stations"), layer("rsus"), layer("edge_nodes")
    hydrogen, roads = layer("hydrogen"), layer("test_roads")
    zones, keys = layer("zones"), layer("assumptions").set_index("key")["value"]
    platform = int(keys["roadside.edge_nodes.platform_cny"].replace(",", ""))
    parts = (stations.cost_cny, hydrogen.cost_cny, rsus.cost_cny, rsus.fibre_cny, nodes.cost_cny)
    money = (*parts, roads.opening_cny, roads.retrofit_cny)
    return {
        "stations": len(stations),
        "piles": int(stations["piles"].sum()),
        "hydrogen_stations": len(hydrogen),
        "rsus": len(rsus),
        "edge_nodes": len(nodes),
        "built_area_zone_km2": float(zones.loc[zones.built.astype(bool), "area_km2"].sum()),
        "test_road_km": float(layer("test_road_catalogue")["km"].sum()),
        "served_kwh_day": float(stations["served_kwh_day"].sum()),
        "cost_cny": sum(int(part.sum()) for part in money) + platform,
    }


def test_a_figure_is_the_same_in_map_report_workbook_layers_and_record(
    everything: Published,
) -> None:
    folder = everything.folder
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    figures = {figure.key: figure for figure in headline(record)}
    assert tuple(figures) == SHOWN
    assert all(figure.value > 0 for figure in figures.values())
    on_map, in_report, in_layers = _on_map(folder), _in_report(folder), _in_layers(folder)
    book = read_totals(folder / "tables.xlsx")
    for key, figure in figures.items():
        assert record["totals"][key] == in_report[key]
        assert on_map[key] == pytest.approx(figure.value, rel=1e-9)
        shown = round(figure.value, figure.decimals)
        assert book[figure.zh] == shown
    for key, value in in_layers.items():
        assert value == pytest.approx(figures[key].value, rel=1e-9), key
    assert in_layers["cost_cny"] == record["totals"]["cost_cny"]
    by_clause = {clause["measure"]: clause["planned"] for clause in record["clauses"]}
    for measure, key in (
        ("stations", "stations"),
        ("piles", "piles"),
        ("built_area_km2", "built_area_zone_km2"),
        ("test_road_km", "test_road_km"),
    ):
        assert by_clause[measure] == pytest.approx(figures[key].value, rel=1e-9)


def test_investment_by_every_programme_ties_to_the_yuan(everything: Published) -> None:
    total = everything.plan.run["totals"]["cost_cny"]
    book = load_workbook(everything.folder / "tables.xlsx")
    rows = _rows(book, "投资估算")
    parts = [row for row in rows if row["行政区"]]
    assert sum(row["投资（元）"] for row in parts) == total
    sums = {str(row["类别"]): row["投资（元）"] for row in rows if not row["行政区"]}
    assert sums["合计"] == total
    spare = next(value for name, value in sums.items() if name.startswith("预备费"))
    assert sums["总计"] == total + spare == total + round(0.05 * total)
    programmes = {"充换电站土建与接入", "加氢站", "路侧设备", "边缘计算节点", "测试道路改造"}
    assert programmes < {row["类别"] for row in parts}


def _rows(book: Any, title: str) -> list[dict[str, Any]]:
    table = list(book[title].iter_rows(values_only=True))
    head = next(n for n, row in enumerate(table) if row[0] in ("类别", "行政区", "序号"))
    return [dict(zip(table[head], row, strict=True)) for row in table[head + 1 :]]
