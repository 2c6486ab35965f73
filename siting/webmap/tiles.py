"""Tiles under the layers of a map, only when asked for: where from, whose, in which datum."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import geopandas as gpd

from siting.datum import from_wgs84
from siting.datum.shifts import moved
from siting.errors import InputError

if TYPE_CHECKING:
    from siting.plan import Plan

KEY_VARIABLE = "SITING_TIANDITU_KEY"
"""Environment variable with the user's Tianditu key for browsers."""
KINDS = (".png", ".jpg", ".jpeg", ".webp")
_TIANDITU = (
    "https://t{{s}}.tianditu.gov.cn/{layer}_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0"
    "&LAYER={layer}&STYLE=default&TILEMATRIXSET=w&FORMAT=tiles"
    "&TILEMATRIX={{z}}&TILEROW={{y}}&TILECOL={{x}}&tk={{tk}}"
)


@dataclass(frozen=True, slots=True)
class Tiles:
    """
    A source of XYZ tiles in Web Mercator.

    Attributes
    ----------
    name
        `osm`, `tianditu`, `amap` or `folder`.
    urls
        Templates of Leaflet, the lowest layer first; `{s}` is one of `hosts`, `{tk}` the key.
    hosts
        What `{s}` stands for.
    allowed
        Sources of images that the content security policy lets through.
    attribution
        Whose they are; shown at the foot of the map.
    datum
        `wgs84`, or `gcj02` where the plan has to be shifted to lie on them.
    zooms
        Coarsest and finest zoom that there are tiles of.
    keyed
        Whether they need a key, which the page asks for and keeps to itself.
    """

    name: str
    urls: tuple[str, ...]
    hosts: tuple[str, ...]
    allowed: tuple[str, ...]
    attribution: str
    datum: str = "wgs84"
    zooms: tuple[int, int] = (0, 18)
    keyed: bool = False

    def page(self) -> dict[str, Any]:
        """Return what the page needs to know, as plain JSON."""
        return {
            "name": self.name,
            "urls": list(self.urls),
            "hosts": list(self.hosts),
            "attribution": self.attribution,
            "zooms": list(self.zooms),
            "keyed": self.keyed,
            "shifted": self.datum != "wgs84",
        }


def tile_source(name: str, page: Path) -> Tiles:
    """
    Return a source of tiles.

    Parameters
    ----------
    name
        `osm`, `tianditu`, `amap`, or a local folder `{z}/{x}/{y}.png` of XYZ tiles.
    page
        The map's file, from whose folder a local one is addressed.

    Raises
    ------
    InputError
        There is no such source, or the folder holds no tiles.
    """
    if name == "osm":
        host = "https://tile.openstreetmap.org"
        url = f"{host}/{{z}}/{{x}}/{{y}}.png"
        credit = "© OpenStreetMap contributors, ODbL 1.0"
        return Tiles(name, (url,), (), (host,), credit, zooms=(0, 19))
    if name == "tianditu":
        hosts = tuple("01234567")
        allowed = tuple(f"https://t{s}.tianditu.gov.cn" for s in hosts)
        urls = tuple(_TIANDITU.format(layer=layer) for layer in ("vec", "cva"))
        return Tiles(name, urls, hosts, allowed, "© 天地图 Tianditu", zooms=(1, 18), keyed=True)
    if name == "amap":
        hosts = ("1", "2", "3", "4")
        allowed = tuple(f"https://webrd0{s}.is.autonavi.com" for s in hosts)
        url = (
            "https://webrd0{s}.is.autonavi.com/appmaptile?lang=zh_cn&size=1&scale=1&style=8"
            "&x={x}&y={y}&z={z}"
        )
        return Tiles(name, (url,), hosts, allowed, "© 高德地图 AMap", datum="gcj02", zooms=(3, 18))
    return _folder(Path(name), page)


def _folder(folder: Path, page: Path) -> Tiles:
    if not folder.is_dir():
        raise InputError(
            "no such source of tiles", value=str(folder),
            cure="Use osm, tianditu, amap, or a folder of tiles {z}/{x}/{y}.png",
        )  # fmt: skip
    zooms = sorted(int(part.name) for part in folder.iterdir() if part.name.isdigit())
    some = (tile for z in zooms for tile in sorted((folder / str(z)).glob("*/*")))
    suffix = next((tile.suffix for tile in some if tile.suffix.lower() in KINDS), "")
    if not suffix:
        raise InputError(
            "the folder holds no tiles", where=folder, cure="Give one laid out as {z}/{x}/{y}.png"
        )
    near = os.path.relpath(folder.resolve(), page.resolve().parent)
    address = quote(Path(near).as_posix())
    credit = folder / "ATTRIBUTION.txt"
    text = credit.read_text(encoding="utf-8") if credit.is_file() else ""
    url = f"{address}/{{z}}/{{x}}/{{y}}{suffix}"
    return Tiles("folder", (url,), (), ("'self'", "file:"), text, zooms=(zooms[0], zooms[-1]))


def shifted(plan: Plan, datum: str) -> Plan:
    """Return a plan whose every geometry lies in a shifted datum; only to be looked at."""

    def shift(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        def move(xy: Any) -> Any:  # noqa: ANN401
            lon, lat = from_wgs84(xy[:, 0], xy[:, 1], datum)
            out = xy.copy()
            out[:, 0], out[:, 1] = lon, lat
            return out

        return frame.set_geometry(
            gpd.GeoSeries(moved(frame.geometry.to_numpy(), move), frame.index, crs=frame.crs)
        )

    frames = {
        one.name: shift(getattr(plan, one.name))
        for one in fields(plan)
        if isinstance(getattr(plan, one.name), gpd.GeoDataFrame) and len(getattr(plan, one.name))
    }
    return replace(plan, **frames)
