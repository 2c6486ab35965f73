"""What the fields of a road layer mean, whatever they are called."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting.inputs import tags
from siting.said import Said

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import numpy.typing as npt

FIELD_NAMES = {
    "highway": ("highway", "fclass", "class", "road_class", "roadclass", "road_type", "道路等级"),
    "name": ("name", "road_name", "名称", "道路名称"),
    "ref": ("ref", "road_no", "编号"),
    "oneway": ("oneway", "one_way", "单行"),
    "lanes": ("lanes", "lane", "lane_num", "车道数"),
    "maxspeed": ("maxspeed", "max_speed", "speed_limit", "限速"),
    "bridge": ("bridge", "桥"),
    "tunnel": ("tunnel", "隧道"),
    "junction": ("junction",),
    "osm_id": ("osm_id", "osmid", "osm_way_id", "full_id", "@id", "raw_eid", "way_id"),
    "own_id": ("id", "fid", "gid", "road_id", "objectid", "编码"),
}
"""Column of the result -> field names it may have in a layer, in lower case, best first."""

_OSM_WORDS = ("highway", "fclass")
_ACCESS_FIELDS = ("area", "service", "motorcar", "motor_vehicle", "vehicle", "access")
_LIST_ITEM = re.compile(r"""^\[\s*['"]?([^'",\]]*)""")
_SHOWN = 5


def text(column: Sequence[object] | pd.Series) -> list[str]:
    """
    Return a column as text: "" for missing, whole numbers without a point, of lists the first.

    OSMnx writes `['residential', 'tertiary']` for an edge that joins several ways.
    """
    return [_text(value) for value in column]


def _text(value: object) -> str:
    if isinstance(value, str):
        found = _LIST_ITEM.match(value) if value.startswith("[") else None
        return (found.group(1) if found else value.partition(";")[0]).strip()
    if isinstance(value, (list, tuple, np.ndarray)):
        return _text(value[0]) if len(value) else ""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return "" if math.isnan(number) else f"{number:.12g}"
    return "" if value is None or value is pd.NaT or value is pd.NA else str(value)


def road_columns(frame: gpd.GeoDataFrame) -> pd.DataFrame:
    """
    Return the text columns that `tables.make_roads` takes, one row a feature.

    Besides: `road_id` (not unique yet), `oneway` as text with the flag `has_oneway`, and
    `from_osm`, which is True when the layer uses OSM's ids or words.
    """
    named = {str(name).lower(): name for name in frame.columns if name != frame.geometry.name}
    found = {
        column: next((named[name] for name in names if name in named), None)
        for column, names in FIELD_NAMES.items()
    }
    blank = [""] * len(frame)
    table = pd.DataFrame(
        {
            column: blank if source is None else text(frame[source].tolist())
            for column, source in found.items()
        },
        dtype="object",
    )
    table["road_id"] = [
        f"way/{osm.removeprefix('way/')}" if osm else (f"road/{own}" if own else f"row/{row + 1}")
        for row, (osm, own) in enumerate(zip(table["osm_id"], table["own_id"], strict=True))
    ]
    table["has_oneway"] = found["oneway"] is not None
    table["from_osm"] = found["osm_id"] is not None or any(word in named for word in _OSM_WORDS)
    return table.drop(columns=["osm_id", "own_id"])


def drivable(
    frame: gpd.GeoDataFrame, columns: pd.DataFrame, notes: list[Said]
) -> npt.NDArray[np.bool_]:
    """
    Tell which features cars may use, and put their class into `columns.highway`.

    A word that isn't known counts as `unclassified` and is reported, as is a missing field.
    """
    words = columns["highway"].tolist()
    classes = tags.parse_all(words, tags.road_class)
    unknown = pd.Series([w for w, c in zip(words, classes, strict=True) if c is None], dtype="str")
    if len(unknown) == len(words) and not unknown.str.len().any():
        notes.append(
            Said(
                "图层没有道路等级，全部按 unclassified 计",
                "the layer gives no road classes; all roads count as unclassified",
            )
        )
    elif len(unknown):
        most = unknown.value_counts().head(_SHOWN)
        shown = ", ".join(f"{word or 'empty'} ({count:,})" for word, count in most.items())
        zh = f"无法识别的道路等级按 unclassified 计：{shown}"
        notes.append(Said(zh, f"road classes that aren't known count as unclassified: {shown}"))
    columns["highway"] = [tags.UNKNOWN_CLASS if c is None else c for c in classes]
    open_to_cars = np.array([c != "" for c in classes], dtype=np.bool_) & _access(frame)
    if not open_to_cars.all():
        shut = f"{int((~open_to_cars).sum()):,}"
        notes.append(
            Said(
                f"{shut} 条汽车不能通行的线已略去",
                f"{shut} lines that cars may not use were left out",
            )
        )
    return open_to_cars


def _access(frame: gpd.GeoDataFrame) -> npt.NDArray[np.bool_]:
    fields = [name for name in _ACCESS_FIELDS if name in frame.columns]
    if not fields:
        return np.ones(len(frame), dtype=np.bool_)
    rows = pd.DataFrame({name: text(frame[name].tolist()) for name in fields})
    each = rows.drop_duplicates()
    allowed = [tags.for_cars(dict(zip(fields, row, strict=True)).get) for row in each.to_numpy()]
    joined = rows.merge(each.assign(allowed=allowed), on=fields, how="left")
    return joined["allowed"].to_numpy(dtype=np.bool_)


def directions(columns: pd.DataFrame, *, directed: bool, notes: list[Said]) -> npt.NDArray[np.int8]:
    """
    Return 0 both ways, 1 along, -1 against, for lines without an opposite one.

    Parameters
    ----------
    columns
        As `road_columns` gives them, classes known.
    directed
        Whether the layer draws each direction as a line of its own.
    notes
        Told when the layer says nothing about directions.
    """
    if not bool(columns["has_oneway"].any()):
        if directed:
            return np.ones(len(columns), dtype=np.int8)
        # The direction that a centreline happens to be drawn in says nothing.
        notes.append(
            Said(
                "图层未说明哪些道路单行，全部按双向计",
                "the layer doesn't say which roads are one-way; all count as two-way",
            )
        )
        return np.zeros(len(columns), dtype=np.int8)
    words = columns["oneway"].tolist()
    letters = {word.upper() for word in words}
    if "B" in letters and letters <= {"", "B", "F", "T"}:
        return np.array(tags.parse_all(words, tags.geofabrik_direction), dtype=np.int8)
    implied = columns["highway"].where(columns["from_osm"], "")
    rows = zip(words, implied, columns["junction"], strict=True)
    return np.array([tags.direction(*row) for row in rows], dtype=np.int8)
