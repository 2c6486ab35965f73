"""The charging programme as something to be explained: its business rows as parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from siting.core.conflict.locks import with_lock_rows
from siting.core.conflict.task import Case
from siting.explain.arithmetic import sizing_facts
from siting.explain.locked import LockedPart, locked_parts, site_locks
from siting.explain.parts import BUDGET, LIMIT, TARGET, Part, Puzzle, district_names, parts_of
from siting.formulate.charging import business_rows
from siting.formulate.clauses import Question
from siting.piles import pile_table
from siting.structures import Sizing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from siting.formulate.clauses import Row
    from siting.ground import Ground

WORDS = {
    "c8_budget": ("充换电预算", "budget of charging", "cny"),
    "c9_stations": ("充换电站数", "stations", "stations"),
    "c10_piles": ("充电桩数", "piles", "piles"),
    "c11_dc_share": ("直流桩占比", "share of DC piles", "piles"),
    "c12_service_areas": ("高速服务区设站", "service areas with a station", "stations"),
    "c13_stations": ("{district}充换电站数", "stations in {district}", "stations"),
    "c14_served": ("服务的充电需求", "demand served", "kwh"),
    "c15_served": ("{district}服务的充电需求", "demand served in {district}", "kwh"),
    "c17_township": ("乡镇可达：{name}", "township {name} reached", "stations"),
    "c18_key_area": ("重点区域覆盖：{name}", "key area {name} reached", "stations"),
    "c19_zone": ("绿色配送区快充桩：{name}", "fast piles near {name}", "piles"),
    "c20_heavy_sites": ("重型车充电站数", "stations for heavy vehicles", "stations"),
    "c21_energy_stations": ("综合能源站数", "integrated energy stations", "stations"),
    "c22_residential_piles": (
        "居住小区慢充桩数",
        "slow piles in residential compounds",
        "piles",
    ),
    "c23_rest_areas": ("普通国省道服务站设站", "rest areas with a station", "stations"),
    "c24_utilisation": ("平均利用率", "mean utilisation of capacity", "kwh"),
    "c30_test_fleet": (
        "测试车队基地快充桩：{name}",
        "fast piles near the test-fleet base {name}",
        "piles",
    ),
    "c25_substation": ("变电站余量：{name}", "head-room of substation {name}", "kw"),
}
"""Chinese, English and unit of each family of rows."""
SHARES = frozenset({"c11_dc_share", "c24_utilisation"})
"""Families whose rows weigh parts of what is built against all of it: they ask for no amount."""


def charging_puzzle(ground: Ground) -> Puzzle:
    """
    Make the charging programme of a ground's model explainable.

    Parameters
    ----------
    ground
        What is planned on, with the model.

    Returns
    -------
    Puzzle
        One part a business row; kept piles always hold.
    """
    model = ground.city.model
    types = pile_table(model.charging)
    question = Question(
        model, ground.candidates, ground.demand, types, ground.places, ground.substations
    )
    rows = business_rows(question)
    sizing = ground.charging(model.model_copy(update={"locks": ()})).structure
    assert isinstance(sizing, Sizing)  # noqa: S101
    names = district_names(ground.city.districts)
    ids = ground.candidates.frame["site_id"].to_numpy(dtype=object)
    locked = locked_parts(model.locks, ("charging",), ids)
    return sizing_puzzle(rows, sizing, names, locked, [str(name) for name in types["type_id"]])


def sizing_puzzle(
    rows: tuple[Row, ...],
    sizing: Sizing,
    districts: dict[str, tuple[str, str]],
    locked: tuple[LockedPart, ...] = (),
    types: Sequence[str] = (),
) -> Puzzle:
    """
    Make a charging programme explainable.

    Parameters
    ----------
    rows
        Its business rows.
    sizing
        The same programme as arrays, without locks; its global rows are in the order of `rows`.
    districts
        Chinese and English name by district id.
    locked
        Its locks.
    types
        Ids of the pile types, where locks name them.
    """
    made = [_part(row, sizing, districts) for row in rows]
    clauses = tuple(part for part in made if part is not None)
    parts = (*clauses, *(one.part for one in locked))
    number = np.cumsum([part is not None for part in made]) - 1
    of_row = np.where([part is not None for part in made], number, -1).astype(np.int64)
    size = np.array([part.size for part in parts], dtype=float)
    kept = np.flatnonzero(of_row >= 0)
    locks = site_locks(locked, len(clauses), types)
    extra = len(with_lock_rows(sizing, of_row, locks)[1]) - len(rows)

    def level(activity: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        last = len(activity) - extra
        found = activity[last - len(rows) : last][kept]
        return np.concatenate([np.asarray(found, dtype=float), np.full(len(locked), np.nan)])

    return Puzzle(
        "charging",
        parts,
        Case(parts_of(parts), sizing, of_row, size, locks=locks),
        sizing_facts(clauses, kept, sizing),
        level,
    )


def _part(row: Row, sizing: Sizing, districts: dict[str, tuple[str, str]]) -> Part | None:
    """Describe a business row; None for what always holds."""
    family = next((key for key in WORDS if row.name.startswith(key)), "")
    if not family:
        return None
    zh, en, unit = WORDS[family]
    own, english = districts.get(row.title.rpartition(" ")[2], ("", ""))
    name = _place(row.title)
    share = family in SHARES
    asked = row.upper if np.isfinite(row.upper) else row.lower
    kind = TARGET if np.isfinite(row.lower) else LIMIT
    return Part(
        key=row.name,
        kind=BUDGET if family == "c8_budget" else kind,
        clause=row.clause,
        zh=zh.format(district=own, name=name),
        en=en.format(district=english, name=name),
        unit=unit,
        asked=float("nan") if share else float(asked),
        size=_whole_of(row, sizing) if share else max(abs(float(asked)), 1e-3),
        family=family,
        district=own,
    )


def _place(title: str) -> str:
    """Return the name of the place or substation in the title of its row."""
    heads = ("township ", "key area ", "fast piles near ", "fast piles for test vehicles near ")
    for head in (*heads, "head-room of substation "):
        if title.startswith(head):
            return title.removeprefix(head)
    return ""


def _whole_of(row: Row, sizing: Sizing) -> float:
    """Amount that the row of a share is measured by: that of all the piles asked for."""
    if row.served is not None:
        return float(sizing.demand_kwh.sum())
    piles = [r for r, name in enumerate(sizing.row_name) if name == "piles"]
    count = float(sizing.row_lower[piles[0]]) if piles else float(sizing.max_piles.sum())
    return max(1.0, count)
