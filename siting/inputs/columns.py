"""What each kind of own layer says: our columns, their usual names, and how values are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

POINT, LINE, AREA = 0, 1, 2
"""Dimensions of geometries."""

LON = ("lon", "lng", "long", "longitude", "经度", "lon_wgs84", "wgs84_lon", "x")
LAT = ("lat", "latitude", "纬度", "lat_wgs84", "wgs84_lat", "y")
EAST = ("x", "east", "easting", "东坐标", "横坐标", "x_m", *LON)
NORTH = ("y", "north", "northing", "北坐标", "纵坐标", "y_m", *LAT)
WKT = ("wkt", "geometry", "geom", "the_geom", "几何")
"""Usual names of the columns that place a row of a table; the best first."""


@dataclass(frozen=True, slots=True)
class Column:
    """
    One column of ours.

    Attributes
    ----------
    name
        Ours.
    names
        Usual names in a file beside ours, in lower case, the best first.
    holds
        `text`; `count` (a number of 0 and more, NaN where empty); `year` (the first four digits).
    required
        Whether a layer without it can't be read.
    words
        Text as written -> ours, for columns with a fixed set of words.
    """

    name: str
    names: tuple[str, ...] = ()
    holds: Literal["text", "count", "year"] = "text"
    required: bool = False
    words: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One kind of own layer.

    Attributes
    ----------
    columns
        Ours; the first is the id, given by row number where a file has none.
    shapes
        Dimensions of geometry that make sense.
    layers
        Usual names of the layer among several.
    placed
        Whether every row needs a place.
    more
        Starts of further columns of numbers that are taken as they are, such as `piles_`.
    """

    columns: tuple[Column, ...]
    shapes: tuple[int, ...]
    layers: tuple[str, ...] = ()
    placed: bool = True
    more: tuple[str, ...] = ()


_NAME = Column("name", ("名称", "站名", "站点名称", "充电站名称", "电站名称", "title"))
_POLICY = (
    *(("kept", "kept"), ("保留", "kept"), ("extendable", "extendable"), ("可扩建", "extendable")),
    *(("扩建", "extendable"), ("closable", "closable"), ("可关闭", "closable")),
    *(("拆除", "closable"), ("撤销", "closable")),
)
_EFFECT = (
    *(("cut", "cut"), ("禁止", "cut"), ("禁建", "cut")),
    *(("dearer", "dearer"), ("限制", "dearer"), ("限建", "dearer")),
)
_SIGNAL = (
    *(("traffic_signals", "traffic_signals"), ("信号灯", "traffic_signals")),
    *(("信号控制", "traffic_signals"), ("crossing_signals", "crossing_signals")),
    *(("toll_booth", "toll_booth"), ("收费站", "toll_booth")),
)

_LOCK_ITEM = (
    *(("charging", "charging"), ("充电站", "charging"), ("充换电站", "charging")),
    *(("hydrogen", "hydrogen"), ("加氢站", "hydrogen"), ("roadside", "roadside")),
    *(("路侧", "roadside"), ("路侧单元", "roadside"), ("路口", "roadside"), ("rsu", "roadside")),
    *(("edge_node", "edge_node"), ("边缘节点", "edge_node"), ("边缘计算节点", "edge_node")),
    *(("test_road", "test_road"), ("测试道路", "test_road"), ("道路", "test_road")),
)
_LOCK_WHAT = (
    *(("fix", "fix"), ("必建", "fix"), ("固定", "fix"), ("必须建", "fix")),
    *(("ban", "ban"), ("禁建", "ban"), ("禁止", "ban"), ("不建", "ban")),
    *(("size", "size"), ("定规模", "size"), ("规模", "size"), ("指定规模", "size")),
)

KINDS: dict[str, Kind] = {
    "existing": Kind(
        (
            Column("id", ("station_id", "编号", "站点编号", "电站编号", "code", "objectid")),
            _NAME,
            Column(
                "piles",
                ("charge_count", "pile_count", "桩数", "充电桩数", "充电桩数量", "总桩数"),
                "count",
            ),
            Column("kw", ("power_kw", "总功率", "功率", "装机功率", "装机功率kw"), "count"),
            Column("policy", ("处置", "规划处置", "state"), words=_POLICY),
            Column("access", ("性质", "类别", "公用专用", "站点类型", "use")),
            Column("owner", ("operator", "运营商", "运营单位", "建设单位", "权属")),
            Column("year", ("投运年份", "建成年份", "投运时间", "建成时间"), "year"),
            Column("keep_cny", ("保留费用", "改造费用"), "count"),
        ),
        (POINT, AREA),
        ("existing", "stations", "charging_stations", "充电站"),
        more=("piles_",),
    ),
    "sites": Kind(
        (
            Column("site_id", ("id", "编号", "地块编号", "code", "objectid")),
            _NAME,
            Column("kind", ("类型", "用地类型", "类别", "type", "site_kind")),
            Column("area_m2", ("面积", "用地面积", "面积m2", "面积_m2", "area"), "count"),
            Column("capacity", ("车位", "车位数", "泊位数", "bays", "spaces"), "count"),
        ),
        (POINT, AREA),
        ("sites", "candidates", "parking"),
    ),
    "exclusions": Kind(
        (
            Column("exclusion_id", ("id", "编号", "code", "objectid")),
            _NAME,
            Column("kind", ("类型", "类别", "管控类型", "type", "reason")),
            Column("effect", ("管控", "作用", "rule"), words=_EFFECT),
            Column("buffer_m", ("缓冲距离", "缓冲", "退距", "buffer"), "count"),
            Column("cost_factor", ("费用系数", "factor"), "count"),
            Column("sites", ("适用类型", "site_kinds")),
            Column("programmes", ("适用规划", "规划", "programme")),
        ),
        (POINT, LINE, AREA),
        ("exclusions", "三区三线"),
    ),
    "demand": Kind(
        (
            Column("demand_id", ("id", "编号", "code", "objectid")),
            _NAME,
            Column(
                "population",
                ("人口", "人口数", "常住人口", "people", "pop"),
                "count",
                required=True,
            ),
        ),
        (POINT, AREA),
        ("demand", "population"),
    ),
    "junctions": Kind(
        (
            Column("junction_id", ("id", "编号", "路口编号", "code", "objectid")),
            Column("name", ("名称", "路口", "路口名称", "交叉口")),
            Column("kind", ("类型", "控制方式", "type", "control"), words=_SIGNAL),
        ),
        (POINT,),
        ("junctions", "signals", "nodes"),
    ),
    "opened": Kind(
        (
            Column("opened_id", ("id", "编号", "objectid")),
            Column("corridor_id", ("路段编号",)),
            Column("road", ("道路", "道路名称", "路段", "路名", "name", "名称")),
            Column("from_name", ("from", "起点", "起点路")),
            Column("to_name", ("to", "终点", "终点路")),
        ),
        (LINE, AREA),
        ("test_roads", "opened", "roads"),
        placed=False,
    ),
    "grid": Kind(
        (
            Column("substation_id", ("id", "编号", "变电站编号", "code", "objectid")),
            Column("name", ("名称", "变电站", "变电站名称")),
            Column(
                "headroom_kw",
                ("可开放容量", "可开放容量kw", "剩余容量", "剩余容量kw", "headroom"),
                "count",
                required=True,
            ),
        ),
        (POINT, AREA),
        ("substations", "grid", "变电站"),
    ),
    "locks": Kind(
        (
            Column("lock_id", ("序号", "锁定编号", "lock")),
            Column("id", ("site_id", "编号", "站点编号", "点位编号", "路段编号", "corridor_id")),
            Column("name", ("名称", "站名", "站点名称", "点位名称", "title")),
            Column("item", ("对象", "类别", "设施类型", "programme"), words=_LOCK_ITEM),
            Column("what", ("锁定", "要求", "处置", "锁定方式"), required=True, words=_LOCK_WHAT),
            Column("piles", ("桩数", "充电桩数", "充电桩数量", "总桩数"), "count"),
            Column("level", ("设备等级", "等级", "配置")),
            Column("kind", ("用地类型", "site_kind")),
            Column("road", ("道路名称", "路名", "路段")),
            Column("from_name", ("from", "起点", "起点路")),
            Column("to_name", ("to", "终点", "终点路")),
            Column("reason", ("原因", "理由", "依据", "说明", "备注")),
            Column("who", ("提出单位", "提出人", "责任单位", "by")),
        ),
        (POINT, LINE, AREA),
        ("locks", "锁定"),
        placed=False,
        more=("piles_",),
    ),
    "buildings": Kind(
        (
            Column("building_id", ("id", "编号", "楼栋编号", "code", "objectid", "osm_id")),
            Column("use", ("building", "用途", "建筑用途", "类型", "type", "fclass")),
            Column(
                "levels",
                ("building:levels", "floor", "floors", "层数", "楼层", "地上层数", "storeys"),
                "count",
            ),
            Column("height_m", ("height", "高度", "建筑高度", "楼高"), "count"),
        ),
        (AREA,),
        ("buildings", "building", "建筑", "gis_osm_buildings_a_free_1"),
    ),
}
"""Each kind of own layer beside roads and districts."""
