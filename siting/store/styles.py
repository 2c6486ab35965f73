"""How layers look in QGIS: one QML document a layer, stored in the GeoPackage itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd

VERSION = "3.34.0"
"""QGIS version that the documents are written for; later ones read them too."""


@dataclass(frozen=True, slots=True)
class Look:
    """
    How a layer is drawn.

    Attributes
    ----------
    zh
        Name of the layer in Chinese.
    color
        Fill or line colour, `#rrggbb`.
    size_mm
        Marker size or line width.
    by
        Column whose values are drawn apart, "" for none.
    classes
        Its values with Chinese label and colour; others are drawn in `color`.
    outline
        Polygons without fill.
    """

    zh: str
    color: str
    size_mm: float
    by: str = ""
    classes: tuple[tuple[str, str, str], ...] = ()
    outline: bool = False


LOOKS = {
    "stations": Look(
        *("充换电站", "#1a7f37", 2.6, "status"),
        (("new", "新建", "#1a7f37"), ("kept", "现有", "#57606a")),
    ),
    "hydrogen": Look("加氢站", "#0550ae", 3.4),
    "substations": Look("变电站", "#9a6700", 2.6),
    "existing": Look(
        *("现有充换电站", "#57606a", 1.8, "outcome"),
        (
            ("kept", "保留", "#57606a"),
            ("extended", "扩建", "#1a7f37"),
            ("closed", "关闭", "#cf222e"),
        ),
    ),
    "dropped": Look("被排除的站址", "#cf222e", 1.0),
    "places": Look("乡镇与重点区域", "#8250df", 1.8),
    "candidates": Look("候选站址", "#afb8c1", 1.0),
    "hydrogen_candidates": Look("加氢站候选", "#a5c8f0", 1.0),
    "demand": Look("充电需求", "#f0b37e", 0.8),
    "hydrogen_demand": Look("加氢需求", "#b6d0ee", 0.8),
    "protected": Look("重要公共建筑与氢源", "#cf222e", 1.0),
    "rsus": Look(
        *("路侧点位", "#bc4c00", 2.2, "level"),
        (
            ("rsu", "仅路侧单元", "#f0883e"),
            ("sensing", "路侧单元与感知", "#bc4c00"),
            ("full", "全要素路口", "#762c00"),
        ),
    ),
    "roadside_candidates": Look("路侧候选点", "#d8c4b4", 0.9),
    "road_points": Look("道路采样点", "#c9d1d9", 0.5),
    "edge_nodes": Look("边缘计算节点", "#6639ba", 3.0),
    "zones": Look(
        *("建成网格", "#dafbe1", 0.2, "built"),
        (("1", "建成", "#9fdcb0"), ("0", "未建", "#ffffff")),
    ),
    "test_road_catalogue": Look("测试道路目录", "#0969da", 1.0),
    "test_roads": Look("测试道路路段", "#54aeff", 0.6),
    "test_road_corridors": Look("候选路段", "#adc6e0", 0.4),
    "test_road_nodes": Look("测试道路节点", "#adc6e0", 0.8),
    "test_road_places": Look("测试场地与场景", "#8250df", 1.6),
    "buildings": Look(
        *("视线内建筑", "#d0c4bb", 0.1, "use"),
        (
            ("flats", "住宅楼", "#d9c2a7"),
            ("house", "独栋住宅", "#e6d5bf"),
            ("other", "非住宅", "#c5c9cf"),
        ),
    ),
    "exclusions": Look(
        *("限制用地", "#f2b8b5", 0.2, "effect"),
        (("cut", "禁止", "#f2b8b5"), ("dearer", "限制", "#fae5b0")),
    ),
    "districts": Look("行政区", "#57606a", 0.5, outline=True),
    "roads": Look(
        *("道路", "#c9d1d9", 0.2, "highway"),
        (
            ("motorway", "高速公路", "#e892a2"),
            ("trunk", "快速路、国道", "#f0a37c"),
            ("primary", "主干路", "#f2c879"),
            ("secondary", "次干路", "#e6e29a"),
        ),
    ),
}
"""Layers in the order in which they lie on one another, the topmost first."""

_SYMBOL = {
    "Point": ("marker", "SimpleMarker"),
    "LineString": ("line", "SimpleLine"),
    "Polygon": ("fill", "SimpleFill"),
}


def layer_styles(
    layers: Mapping[str, gpd.GeoDataFrame], dictionary: pd.DataFrame, *, stamp: str
) -> pd.DataFrame:
    """
    Make the table `layer_styles` from which QGIS takes the default style of each layer.

    Parameters
    ----------
    layers
        Layers with geometry, by name.
    dictionary
        As `dictionary.data_dictionary`; its Chinese names become the aliases of the columns.
    stamp
        Time of the run, ISO 8601.

    Returns
    -------
    table
        One row a layer that `LOOKS` names, with the columns that QGIS reads.
    """
    rows = [
        {
            "f_table_catalog": "",
            "f_table_schema": "",
            "f_table_name": name,
            "f_geometry_column": "geom",
            "styleName": look.zh,
            "styleQML": qml(layers[name], look, dictionary[dictionary["layer"] == name]),
            "styleSLD": "",
            "useAsDefault": True,
            "description": f"{look.zh} {name}",
            "owner": "siting",
            "ui": "",
            "update_time": pd.Timestamp(stamp).tz_localize(None),
        }
        for name, look in LOOKS.items()
        if name in layers and len(layers[name])
    ]
    return pd.DataFrame(rows)


def qml(frame: gpd.GeoDataFrame, look: Look, fields: pd.DataFrame) -> str:
    """
    Write the QML document of one layer.

    Parameters
    ----------
    frame
        The layer.
    look
        How it is drawn.
    fields
        Its rows of the data dictionary.
    """
    kind = str(frame.geom_type.iloc[0]).removeprefix("Multi")
    root = Element(
        "qgis", {"version": VERSION, "styleCategories": "Symbology|Fields", "labelsEnabled": "0"}
    )
    apart = look.by if look.by in frame.columns else ""
    renderer = SubElement(root, "renderer-v2", {"symbollevels": "0", "enableorderby": "0"})
    classes = [*look.classes, ("", "其他", look.color)] if apart else [("", look.zh, look.color)]
    if apart:
        renderer.attrib |= {"type": "categorizedSymbol", "attr": apart}
        categories = SubElement(renderer, "categories")
        for number, (value, label, _) in enumerate(classes):
            SubElement(
                categories,
                "category",
                {"value": value, "label": label, "symbol": str(number), "render": "true"},
            )
    else:
        renderer.set("type", "singleSymbol")
    symbols = SubElement(renderer, "symbols")
    for number, (_, _, color) in enumerate(classes):
        _symbol(symbols, str(number), kind, look, color)
    aliases = SubElement(root, "aliases")
    for index, (field, zh) in enumerate(zip(fields["field"], fields["zh"], strict=True)):
        # Column 0 is the feature id that the GeoPackage adds.
        SubElement(aliases, "alias", {"field": field, "name": zh, "index": str(index + 1)})
    head = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    return head + tostring(root, encoding="unicode")


def _symbol(parent: Element, name: str, kind: str, look: Look, color: str) -> None:
    """Add one symbol with its single layer."""
    family, layer_class = _SYMBOL[kind]
    symbol = SubElement(parent, "symbol", {"type": family, "name": name, "alpha": "1"})
    layer = SubElement(
        symbol, "layer", {"class": layer_class, "enabled": "1", "locked": "0", "pass": "0"}
    )
    options = SubElement(layer, "Option", {"type": "Map"})
    for key, value in _properties(kind, look, color).items():
        SubElement(options, "Option", {"type": "QString", "name": key, "value": value})


def _properties(kind: str, look: Look, color: str) -> dict[str, str]:
    """Return the symbol layer's properties; colours as `r,g,b,a`."""
    rgb = ",".join(str(int(color[at : at + 2], 16)) for at in (1, 3, 5))
    size = f"{look.size_mm:g}"
    if kind == "Point":
        ink = "255,255,255,255" if look.size_mm >= 1.5 else f"{rgb},255"  # noqa: PLR2004
        return {"name": "circle", "color": f"{rgb},255", "size": size, "outline_color": ink}
    if kind == "LineString":
        return {"line_color": f"{rgb},255", "line_width": size, "capstyle": "round"}
    fill = {"style": "no"} if look.outline else {"style": "solid", "color": f"{rgb},150"}
    return {**fill, "outline_color": "87,96,106,255", "outline_width": size}
