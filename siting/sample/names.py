"""Invented street and place names in the style of Shandong."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_FIRST = (
    "文新建和兴永安长泰明清华光东中北南西开云凤龙青黄金玉胜德仁义孝信福康宁平丰润景阳舜历泉柳荷槐桃"
)
_SECOND = "化华平安源泰兴宁远和达昌盛祥山河水泉园林湖溪台岭门桥庄苑庆春秋阳光明德贤才学海港城"
_VILLAGE = "张王李赵刘陈杨孙周吴徐朱马胡郭高林何梁宋郑谢韩唐冯于董程曹袁邓许傅沈曾彭吕苏卢"
_VILLAGE_END = ("家庄", "家村", "官庄", "家寨", "家楼", "家桥", "家洼", "家店", "新村", "家岭")
_TOWN_END = ("镇", "镇", "镇", "街道")
_ENDING = {
    "trunk": ("快速路", "大道", "大道"),
    "primary": ("大街", "大道", "路"),
    "secondary": ("路", "大街", "路"),
    "tertiary": ("路", "街", "路"),
    "residential": ("街", "巷", "路"),
    "unclassified": ("路", "街"),
}
_QUARTER = ("", "", "", "东", "西", "南", "北", "中")


def street_name(highway: str, rng: np.random.Generator) -> str:
    """Return a street name; service ways and lanes of compounds have none."""
    endings = _ENDING.get(highway)
    if endings is None:
        return ""
    base = _pair(rng) + _QUARTER[rng.integers(len(_QUARTER))]
    return base + endings[rng.integers(len(endings))]


def town_name(rng: np.random.Generator) -> str:
    """Return the name of a town or subdistrict."""
    return _pair(rng) + _TOWN_END[rng.integers(len(_TOWN_END))]


def village_name(rng: np.random.Generator) -> str:
    """Return the name of a village."""
    return _VILLAGE[rng.integers(len(_VILLAGE))] + _VILLAGE_END[rng.integers(len(_VILLAGE_END))]


def brand(rng: np.random.Generator) -> str:
    """Return two characters for a compound, a mall or a firm."""
    return _pair(rng)


def _pair(rng: np.random.Generator) -> str:
    first, second = _FIRST[rng.integers(len(_FIRST))], _SECOND[rng.integers(len(_SECOND))]
    return first + second if first != second else first + "泰"
