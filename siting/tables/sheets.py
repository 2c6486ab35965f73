"""Which layer fills which sheet of the workbook, column by column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from siting.facts import site_kinds
from siting.wording import LEVELS, kind_name, measure_name, unit_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from siting.plan import Plan

STATUS = {
    "met": "达到",
    "short": "未达到",
    "preference": "偏好",
    "context": "背景",
    "not_modelled": "未建模",
}
"""Statuses of clauses in Chinese."""
"""Equipment of roadside sites in Chinese."""
CONFIDENCE = {"document": "文件", "found": "查得", "memory": "凭记忆", "model": "模型设定"}
"""How well a figure is known, in Chinese."""


@dataclass(frozen=True, slots=True)
class Column:
    """
    One column of a sheet.

    Attributes
    ----------
    title
        Its head.
    source
        Column of the layer; "" where `make` says it all.
    kind
        `text`, `count`, `real`, `wan` (万元 of yuan), `share`, `degree` or `figure`.
    make
        Makes the values from the layer instead.
    """

    title: str
    source: str = ""
    kind: str = "text"
    make: Callable[[pd.DataFrame], pd.Series] | None = None

    def of(self, frame: pd.DataFrame) -> pd.Series:
        """Return the values for a layer; nothing where it lacks the column."""
        if self.make is not None:
            return self.make(frame)
        if self.source not in frame.columns:
            return pd.Series([None] * len(frame), dtype=object)
        values = frame[self.source]
        return values / 1e4 if self.kind == "wan" else values


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet: its title, the layer that fills it, and its columns."""

    title: str
    frame: Callable[[Plan], pd.DataFrame]
    columns: Callable[[Plan], tuple[Column, ...]]


def _number(frame: pd.DataFrame) -> pd.Series:
    return pd.Series(range(1, len(frame) + 1), index=frame.index)


def _lon(frame: pd.DataFrame) -> pd.Series:
    return pd.Series(frame.geometry.x, index=frame.index).round(6)


def _lat(frame: pd.DataFrame) -> pd.Series:
    return pd.Series(frame.geometry.y, index=frame.index).round(6)


NUMBER = Column("序号", kind="count", make=_number)
PLACE = (Column("经度", kind="degree", make=_lon), Column("纬度", kind="degree", make=_lat))


def _fixed(*columns: Column) -> Callable[[Plan], tuple[Column, ...]]:
    return lambda _: columns


def _stations(plan: Plan) -> tuple[Column, ...]:
    """Columns of the schedule of stations (附表), the piles by speed and by type."""
    types = plan.pile_types
    slow = [f"piles_{name}" for name in types["type_id"][types["current"] == "ac"]]
    return (
        NUMBER,
        *(Column("站点编号", "site_id"), Column("站点名称", "name"), Column("行政区", "district")),
        *PLACE,
        Column("用地性质", make=_kind),
        Column("建设类型", make=lambda f: f["status"].map({"new": "新建", "kept": "现有"})),
        Column("快充桩数", kind="count", make=lambda f: f["piles"] - f[slow].sum(axis=1)),
        Column("慢充桩数", kind="count", make=lambda f: f[slow].sum(axis=1)),
        *(
            Column(f"{zh}", f"piles_{name}", "count")
            for name, zh in zip(types["type_id"], types["label_zh"], strict=True)
        ),
        Column("总功率（kW）", "installed_kw", "real"),
        Column("变压器（kVA）", "transformer_kva", "count"),
        Column("日服务电量（kWh）", "served_kwh_day", "real"),
        Column("利用率", "utilisation", "share"),
        Column("高峰等待（分钟）", "wait_minutes", "real"),
        *(Column("建设时序", make=_phase), Column("投资（万元）", "cost_cny", "wan")),
        *(Column("对应条款", "clauses"), Column("责任单位"), Column("备注", make=_remark)),
    )


def _chinese(name: str) -> Callable[[pd.DataFrame], pd.Series]:
    """Take the Chinese of a sentence, of a run of an older version what it has."""

    def taken(frame: pd.DataFrame) -> pd.Series:
        chinese = frame.get(f"{name}_zh", frame[name])
        return chinese.where(chinese.astype(str) != "", frame[name])

    return taken


def _level(frame: pd.DataFrame) -> pd.Series:
    return frame["level"].map({name: zh for name, (zh, _) in LEVELS.items()}).fillna("")


def _roadside_kind(frame: pd.DataFrame) -> pd.Series:
    return frame["kind"].map(lambda kind: kind_name(str(kind))[0])


def _kind(frame: pd.DataFrame) -> pd.Series:
    """Name the kind of a place in Chinese."""
    return frame["kind"].map(site_kinds()["label_zh"]).fillna(frame["kind"])


def _measure(frame: pd.DataFrame) -> pd.Series:
    """Name what a clause measures in Chinese."""
    return frame["measure"].map(lambda measure: measure_name(str(measure))[0])


def _unit(frame: pd.DataFrame) -> pd.Series:
    """Name the unit of a clause in Chinese."""
    return frame["unit"].map(lambda unit: unit_name(str(unit))[0])


def _phase(frame: pd.DataFrame) -> pd.Series:
    name = next((n for n in ("year", "phase_name", "phase") if n in frame.columns), None)
    blank = pd.Series(["未分期"] * len(frame), index=frame.index, dtype=object)
    if name is None:
        return blank
    return frame[name].where(frame[name].astype(bool), blank)


def _remark(frame: pd.DataFrame) -> pd.Series:
    marks = [
        ("mandatory", "条款要求必建"),
        ("v2g_ready", "具备 V2G 条件"),
        ("solar_storage", "光储充"),
    ]
    texts = [
        "；".join(text for (name, text), flag in zip(marks, row, strict=True) if flag)
        for row in frame[[name for name, _ in marks]].to_numpy().tolist()
    ]
    return pd.Series(texts, index=frame.index, dtype=object)


def _piles(plan: Plan) -> pd.DataFrame:
    """Count piles by district and type."""
    columns = [f"piles_{name}" for name in plan.pile_types["type_id"]]
    table = pd.DataFrame(plan.stations[["district", *columns, "piles", "cost_cny"]])
    return table.groupby("district").sum().reset_index()


def _pile_columns(plan: Plan) -> tuple[Column, ...]:
    types = plan.pile_types
    named = zip(types["type_id"], types["label_zh"], strict=True)
    return (
        *(NUMBER, Column("行政区", "district")),
        *(Column(str(zh), f"piles_{name}", "count") for name, zh in named),
        Column("合计", "piles", "count"),
        Column("投资（万元）", "cost_cny", "wan"),
    )


_DEEDS = {"fix": "必建", "ban": "禁建", "size": "定规模"}
_ITEMS = {
    "charging": "充换电站",
    "hydrogen": "加氢站",
    "roadside": "路侧点位",
    "edge_node": "边缘计算节点",
    "test_road": "测试道路",
}


def _locks(plan: Plan) -> pd.DataFrame:
    """List the locks of the run."""
    rows = [
        {
            **lock,
            "item": _ITEMS.get(lock["item"], lock["item"]),
            "what": _DEEDS.get(lock["what"], lock["what"]),
            "ids": " ".join(lock["ids"]),
        }
        for lock in plan.run.get("locks", ())
    ]
    return pd.DataFrame(rows)


SHEETS = (
    Sheet(
        "条款对照",
        lambda plan: plan.clauses,
        _fixed(
            *(NUMBER, Column("条款", "clause"), Column("指标", make=_measure)),
            *(Column("目标值", "target", "figure"), Column("规划值", "planned", "figure")),
            *(Column("单位", make=_unit), Column("状态", make=lambda f: f["status"].map(STATUS))),
            *(Column("解读", make=_chinese("reading")), Column("原文", "quote")),
            *(Column("文件", make=_chinese("document")), Column("说明", make=_chinese("note"))),
            *(Column("Reading", "reading"), Column("Note", "note")),
        ),
    ),
    Sheet("附表1 充换电站", lambda plan: plan.stations, _stations),
    Sheet("附表2 充电桩分区", _piles, _pile_columns),
    Sheet(
        "附表3 加氢站",
        lambda plan: plan.hydrogen,
        _fixed(
            *(NUMBER, Column("站点编号", "site_id"), Column("站点名称", "name")),
            *(Column("行政区", "district"), *PLACE),
            Column("建设类型", make=lambda f: f["combined"].map({True: "合建", False: "新建"})),
            Column("日加氢能力（kg）", "capacity_kg_day", "count"),
            *(Column("建设时序", make=_phase), Column("投资（万元）", "cost_cny", "wan")),
            Column("对应条款", "clauses"),
        ),
    ),
    Sheet(
        "附表4 路侧点位",
        lambda plan: plan.rsus,
        _fixed(
            *(NUMBER, Column("点位编号", "site_id"), Column("路口名", "name")),
            *(Column("类型", make=_roadside_kind), Column("行政区", "district"), *PLACE),
            Column("设备配置", make=_level),
            *(Column("复用杆件", "reuse"), Column("边缘计算节点", "edge_node_id")),
            Column("光缆（m）", "fibre_m", "real"),
            *(Column("建设时序", make=_phase), Column("投资（万元）", "cost_cny", "wan")),
        ),
    ),
    Sheet(
        "附表5 边缘计算节点",
        lambda plan: plan.edge_nodes,
        _fixed(
            *(NUMBER, Column("编号", "edge_node_id"), Column("位置", "name")),
            *(Column("行政区", "district"), *PLACE, Column("接入点位", "sites", "count")),
            *(Column("建设时序", make=_phase), Column("投资（万元）", "cost_cny", "wan")),
        ),
    ),
    Sheet(
        "测试道路目录",
        lambda plan: plan.test_road_catalogue,
        _fixed(
            *(NUMBER, Column("道路", "road"), Column("起点", "from_name")),
            *(Column("终点", "to_name"), Column("里程（km）", "km", "figure")),
            *(Column("区", "district"), Column("类别", "sort_zh"), Column("等级", "grade")),
            *(Column("开放阶段", make=_phase), Column("开放费用（万元）", "opening_cny", "wan")),
            *(Column("改造费用（万元）", "retrofit_cny", "wan"), Column("备注", "note")),
        ),
    ),
    Sheet(
        "锁定",
        _locks,
        _fixed(
            *(Column("序号", "number", "count"), Column("对象", "item"), Column("要求", "what")),
            *(Column("编号", "ids"), Column("名称", "name"), Column("桩数", "piles", "count")),
            *(Column("设备配置", make=_level), Column("结果", "did_zh"), Column("原因", "reason")),
            *(Column("提出单位", "who"), Column("出处", "origin")),
        ),
    ),
    Sheet(
        "参数与来源",
        lambda plan: plan.assumptions,
        _fixed(
            *(NUMBER, Column("参数", "key"), Column("取值", make=_chinese("value"))),
            *(Column("单位", make=_chinese("unit")), Column("来源", make=_chinese("source"))),
            Column("可信度", make=lambda f: f["confidence"].map(CONFIDENCE)),
            *(Column("无来源", "unsourced"), Column("Source", "source")),
        ),
    ),
)
"""Sheets in their order; those whose layer is empty are left out."""
