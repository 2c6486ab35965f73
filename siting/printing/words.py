"""The words of a printed sheet in both languages; those of the map page are taken from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from siting.webmap.page import asset_text

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("zh", "en")
WORDS = {
    "legend": ("图例", "Legend"),
    "figures": ("主要指标", "Key figures"),
    "clauses": ("目标完成情况", "Targets"),
    "clauses.whole": ("目标完成情况（全域）", "Targets of the whole plan"),
    "clauses.more": ("另有 {n} 项，见条款对照表", "{n} more in the clause ledger"),
    "clauses.none": ("没有可量化的目标", "No quantified target"),
    "new": ("新建充换电站", "New charging station"),
    "kept": ("现有充换电站", "Charging station in use"),
    "size": ("面积与桩数成正比（{a} / {b} / {c} 台）", "Area by piles ({a} / {b} / {c})"),
    "hydrogen": ("加氢站", "Hydrogen station"),
    "rsu": ("路侧单元 RSU", "Roadside unit"),
    "sensing": ("RSU＋感知", "RSU and sensing"),
    "full": ("全要素路口", "Whole junction"),
    "edge_nodes": ("边缘计算节点", "Edge node"),
    "zones": ("建成区域（网格）", "Built area (cells)"),
    "reach": ("路侧覆盖范围", "Roadside coverage"),
    "testroads": ("测试道路 {name}", "Test roads, {name}"),
    "districts": ("区县界", "District border"),
    "scale": ("比例尺 1∶{n}（{size} 原大）", "Scale 1:{n} at {size}"),
    "inset": ("放大图 1∶{n}", "Inset 1:{n}"),
    "north": ("北", "N"),
    "crs": ("坐标系 {name}", "CRS {name}"),
    "sources": ("资料来源：{text}", "Sources: {text}"),
    "approval": ("审图号：{text}", "Map approval no.: {text}"),
    "approval.none": (
        "内部工作用图 / 未经地图审核，不得公开",
        "internal working map / not approved for publication",
    ),
    "date": ("编制日期 {date}", "Planned {date}"),
    "run": ("运行编号 {run} · {state}", "Run {run} · {state}"),
    "optimal": ("已证明最优", "proven optimal"),
    "gap": ("与最优相差不超过 {gap}", "within {gap} of the best"),
    "unproven": ("未证明最优", "not proven"),
    "verified": ("已通过独立核验", "independently verified"),
    "synthetic": ("道路与设施为合成数据", "Synthetic roads and facilities"),
    "met": ("达到", "met"),
    "short": ("未达到", "short"),
    "own": ("自定", "own"),
    "district.population": ("人口", "Population"),
    "district.stations": ("充换电站", "Charging stations"),
    "district.piles": ("充电桩", "Charging piles"),
    "district.served_share": ("满足需求比例", "Demand served"),
    "district.cost_cny": ("充换电投资", "Cost of charging"),
    "district.rsus": ("路侧点位", "Roadside sites"),
    "district.built_area_km2": ("建成区域", "Built area"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """
    The words of one language.

    Attributes
    ----------
    language
        `zh` or `en`.
    page
        Those of the map page, both languages.
    """

    language: Literal["zh", "en"]
    page: Mapping[str, tuple[str, str]]

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its values filled in."""
        pair = WORDS[key]
        return self._filled(pair, values)

    def of_page(self, key: str, fallback: str = "") -> str:
        """Return a text of the map page, or the fallback where it has none."""
        pair = self.page.get(key)
        return self._filled(pair, {}) if pair else fallback

    def _filled(self, pair: tuple[str, str], values: Mapping[str, object]) -> str:
        return pair[LANGUAGES.index(self.language)].format(**values)

    def pick(self, zh: object, en: object) -> str:
        """Return the text of this language, or else the other."""
        first, second = (zh, en) if self.language == "zh" else (en, zh)
        return str(first or second or "")


def words_of(language: str) -> Words:
    """Return the words of a language, `zh` or `en`."""
    return Words("zh" if language == "zh" else "en", json.loads(asset_text("strings.json")))
